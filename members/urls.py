"""Which pages does this app answer?"""

from django.urls import path

from members.views import (
    account,
    membership,
    patients,
    phone,
    points,
    second_factor,
    show_again,
    sign_in,
)

app_name = "members"
urlpatterns = [
    path("sign-in/", sign_in.SignIn.as_view(), name="sign_in"),
    path("sign-in/again/", show_again.show_again, name="show_again"),
    path("sign-in/code/", sign_in.SignInByCode.as_view(), name="sign_in_code"),
    path("reset-password/", sign_in.ResetPassword.as_view(), name="reset_password"),
    path(
        "sign-in/second-factor/",
        show_again.second_factor_at_sign_in,
        name="second_factor_at_sign_in",
    ),
    path("account/", account.account, name="account"),
    path("account/name/", account.change_name, name="change_name"),
    path("account/email/", account.change_email, name="change_email"),
    path("account/appearance/", account.change_appearance, name="change_appearance"),
    path("account/password/", account.new_password, name="new_password"),
    path("account/sign-ins/others/end/", account.end_other_sign_ins, name="end_other_sign_ins"),
    path("account/sign-ins/<uuid:uid>/end/", account.end_sign_in, name="end_sign_in"),
    path("account/second-factor/", second_factor.second_factor, name="second_factor"),
    path("account/second-factor/app/", second_factor.new_app, name="new_app"),
    path("account/second-factor/passkey/", second_factor.new_passkey, name="new_passkey"),
    path(
        "account/second-factor/recovery-codes/",
        second_factor.recovery_codes,
        name="recovery_codes",
    ),
    path(
        "account/second-factor/<uuid:uid>/remove/",
        second_factor.remove,
        name="remove_second_factor",
    ),
    path("sign-up/", sign_in.SignUp.as_view(), name="sign_up"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("account/phone/", phone.phone, name="change_phone"),
    path("membership/", membership.membership, name="membership"),
    path("membership/points/", points.points, name="points"),
    path("patients/", patients.patients, name="patients"),
    path("patients/add/", patients.add, name="patient_add"),
    path("patients/<uuid:uid>/", patients.patient, name="patient"),
    path("patients/<uuid:uid>/document/", patients.give_patient_document, name="patient_document"),
    path("patients/<uuid:uid>/remove/", patients.remove, name="patient_remove"),
    path("patients/<uuid:uid>/appeal/", patients.appeal_pause, name="patient_appeal"),
    path("patients/consents/<uuid:uid>/", patients.consent, name="patient_consent"),
]
