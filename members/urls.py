"""Which pages does this app answer?"""

from django.urls import URLPattern

app_name = "members"
urlpatterns: list[URLPattern] = []
