"""Which API addresses does this app answer?"""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
