"""Which API addresses does this app answer?"""

from django.urls import path

from scheduling.api import generation, views

urlpatterns = [
    path("clinics/", views.ClinicList.as_view(), name="clinic-list"),
    path("departments/", views.DepartmentList.as_view(), name="department-list"),
    path("doctors/", views.DoctorList.as_view(), name="doctor-list"),
    path("doctors/<uuid:uid>/", views.DoctorDetail.as_view(), name="doctor-detail"),
    path("admin/schedules/", views.StaffScheduleList.as_view(), name="admin-schedule-list"),
    path(
        "admin/schedules/<uuid:uid>/",
        views.StaffScheduleDetail.as_view(),
        name="admin-schedule-detail",
    ),
    path(
        "admin/schedules/<uuid:uid>/publish/",
        views.StaffSchedulePublish.as_view(),
        name="admin-schedule-publish",
    ),
    path(
        "admin/roster/generate/",
        generation.RosterGenerate.as_view(),
        name="admin-roster-generate",
    ),
    path("admin/jobs/<uuid:uid>/", generation.JobDetail.as_view(), name="admin-job"),
    path(
        "admin/jobs/<uuid:uid>/cancel/",
        generation.JobCancel.as_view(),
        name="admin-job-cancel",
    ),
    path("admin/releases/", views.ReleaseList.as_view(), name="admin-release-list"),
    path("admin/releases/run/", views.ReleaseRunNow.as_view(), name="admin-release-run"),
]
