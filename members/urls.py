"""Which pages does this app answer?"""

from django.urls import path

from members import views

app_name = "members"
urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-up/", views.SignUp.as_view(), name="sign_up"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("membership/", views.membership, name="membership"),
]
