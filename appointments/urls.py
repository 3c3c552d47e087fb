"""Which pages does this app answer?"""

from django.urls import URLPattern

app_name = "appointments"
urlpatterns: list[URLPattern] = []
