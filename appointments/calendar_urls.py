"""Under which address, without a language, do calendars read?"""

from django.urls import path

from appointments.views import calendar

urlpatterns = [path("<str:token>.ics", calendar.calendar_feed, name="calendar_feed")]
