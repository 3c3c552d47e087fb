"""Which pages does this app answer?"""

from django.urls import path

from members.views import membership, phone, show_again, sign_in

app_name = "members"
urlpatterns = [
    path("sign-in/", sign_in.SignIn.as_view(), name="sign_in"),
    path("sign-in/again/", show_again.show_again, name="show_again"),
    path("sign-in/code/", sign_in.SignInByCode.as_view(), name="sign_in_code"),
    path("reset-password/", sign_in.ResetPassword.as_view(), name="reset_password"),
    path("sign-up/", sign_in.SignUp.as_view(), name="sign_up"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("account/phone/", phone.phone, name="phone"),
    path("membership/", membership.membership, name="membership"),
]
