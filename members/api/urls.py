"""Which API addresses does this app answer?"""

from django.urls import path

from members.api import auth, me, notifications, patients, points

urlpatterns = [
    path("auth/token/", auth.Token.as_view(), name="auth-token"),
    path("auth/token/refresh/", auth.TokenRefresh.as_view(), name="auth-token-refresh"),
    path("auth/logout/", auth.Logout.as_view(), name="auth-logout"),
    path("auth/codes/", auth.Codes.as_view(), name="auth-codes"),
    path("auth/password/", auth.Password.as_view(), name="auth-password"),
    path("auth/register/", auth.Register.as_view(), name="auth-register"),
    path("me/", me.Me.as_view(), name="me"),
    path("me/privileges/", me.MyPrivileges.as_view(), name="me-privileges"),
    path("me/points/", points.MyPoints.as_view(), name="me-points"),
    path("notifications/", notifications.MyNotifications.as_view(), name="notification-list"),
    path(
        "notifications/<uuid:uid>/read/",
        notifications.ReadNotification.as_view(),
        name="notification-read",
    ),
    path("patients/", patients.MyPatients.as_view(), name="patient-list"),
    path("patients/<uuid:uid>/", patients.MyPatient.as_view(), name="patient-detail"),
]
