"""Which pages does this app answer?"""

from django.urls import path

from appointments.views import (
    booking,
    calendar,
    doctors,
    home,
    paying,
    receipts,
    rescheduling,
    visits,
    waitlist,
)

app_name = "appointments"
urlpatterns = [
    path("", home.home, name="home"),
    path("doctors/", doctors.doctors, name="doctors"),
    path("doctors/<slug:slug>/", doctors.doctor, name="doctor"),
    path("book/", booking.book, name="book"),
    path("appointments/", visits.appointments, name="appointments"),
    path("appointments/<slug:reference>/", visits.appointment, name="appointment"),
    path("appointments/<slug:reference>/confirm/", booking.confirm, name="confirm"),
    path("appointments/<slug:reference>/pay/", paying.pay, name="pay"),
    path("appointments/<slug:reference>/extend/", booking.extend, name="extend"),
    path("appointments/<slug:reference>/booked/", visits.booked, name="booked"),
    path(
        "appointments/<slug:reference>/calendar.ics",
        calendar.visit_calendar,
        name="visit_calendar",
    ),
    path("appointments/<slug:reference>/reschedule/", rescheduling.reschedule, name="reschedule"),
    path("appointments/<slug:reference>/cancel/", visits.cancel, name="cancel"),
    path("receipts/", receipts.receipts, name="receipts"),
    path("receipts/verify/", receipts.verify, name="verify_receipt"),
    path("receipts/verify/<slug:code>/", receipts.verified, name="verified_receipt"),
    path("receipts/<slug:number>/", receipts.receipt, name="receipt"),
    path("receipts/<slug:number>/receipt.pdf", receipts.receipt_pdf, name="receipt_pdf"),
    path("waitlist/", waitlist.waitlist, name="waitlist"),
    path("waitlist/join/", waitlist.join, name="join_waitlist"),
    path("waitlist/<uuid:uid>/", waitlist.wish, name="wish"),
    path("waitlist/<uuid:uid>/leave/", waitlist.leave, name="leave_waitlist"),
    path("waitlist/offers/<uuid:uid>/", waitlist.offer, name="offer"),
]
