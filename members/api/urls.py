"""Which API addresses does this app answer?"""

from django.urls import path

from members.api import views

urlpatterns = [
    path("auth/token/", views.Token.as_view(), name="auth-token"),
    path("auth/token/refresh/", views.TokenRefresh.as_view(), name="auth-token-refresh"),
    path("auth/logout/", views.Logout.as_view(), name="auth-logout"),
    path("auth/register/", views.Register.as_view(), name="auth-register"),
    path("me/", views.Me.as_view(), name="me"),
    path("me/privileges/", views.MyPrivileges.as_view(), name="me-privileges"),
    path("patients/", views.MyPatients.as_view(), name="patient-list"),
]
