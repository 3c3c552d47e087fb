"""Which API addresses does this app answer?"""

from django.urls import path

from appointments.api.views import appointments as views
from appointments.api.views import calendar, desk, leave, waitlist

urlpatterns = [
    path("schedules/", views.ScheduleList.as_view(), name="schedule-list"),
    path("schedules/<uuid:uid>/slots/", views.SlotList.as_view(), name="schedule-slots"),
    path("appointments/", views.AppointmentList.as_view(), name="appointment-list"),
    path("appointments/<uuid:uid>/", views.AppointmentDetail.as_view(), name="appointment-detail"),
    path(
        "appointments/<uuid:uid>/confirm/",
        views.AppointmentConfirm.as_view(),
        name="appointment-confirm",
    ),
    path(
        "appointments/<uuid:uid>/extend/",
        views.AppointmentExtend.as_view(),
        name="appointment-extend",
    ),
    path(
        "appointments/<uuid:uid>/cancel/",
        views.AppointmentCancel.as_view(),
        name="appointment-cancel",
    ),
    path("admin/leave/", leave.LeaveList.as_view(), name="admin-leave-list"),
    path("admin/leave/<uuid:uid>/", leave.LeaveDetail.as_view(), name="admin-leave-detail"),
    path("waitlist/", waitlist.Waitlist.as_view(), name="waitlist"),
    path("waitlist/<uuid:uid>/", waitlist.WaitlistWish.as_view(), name="waitlist-wish"),
    path("waitlist/offers/", waitlist.OfferList.as_view(), name="offer-list"),
    path("waitlist/offers/<uuid:uid>/accept/", waitlist.OfferAccept.as_view(), name="offer-accept"),
    path(
        "waitlist/offers/<uuid:uid>/decline/", waitlist.OfferDecline.as_view(), name="offer-decline"
    ),
    path(
        "appointments/<uuid:uid>/reschedule/",
        views.AppointmentReschedule.as_view(),
        name="appointment-reschedule",
    ),
    path(
        "appointments/<uuid:uid>/calendar.ics",
        calendar.AppointmentCalendar.as_view(),
        name="appointment-calendar",
    ),
    path(
        "admin/schedules/<uuid:uid>/call-off/",
        views.ScheduleCallOff.as_view(),
        name="admin-schedule-call-off",
    ),
    path(
        "admin/appointments/<uuid:uid>/check-in/",
        views.VisitCheckIn.as_view(),
        name="admin-appointment-check-in",
    ),
    path(
        "admin/appointments/<uuid:uid>/start/",
        views.VisitStart.as_view(),
        name="admin-appointment-start",
    ),
    path(
        "admin/appointments/<uuid:uid>/finish/",
        views.VisitFinish.as_view(),
        name="admin-appointment-finish",
    ),
    path(
        "admin/appointments/<uuid:uid>/no-show/",
        desk.VisitNoShow.as_view(),
        name="admin-appointment-no-show",
    ),
    path(
        "admin/appointments/<uuid:uid>/cancel/",
        desk.VisitCancel.as_view(),
        name="admin-appointment-cancel",
    ),
    path(
        "admin/appointments/",
        desk.DeskBooking.as_view(),
        name="admin-appointment-book",
    ),
]
