"""Who gets in where: a matrix made of the address list, which a new address cannot escape."""

from uuid import uuid4

import pytest
from django.core.cache import caches
from django.urls import get_resolver
from rest_framework.permissions import AllowAny, IsAuthenticated

from members.api.permissions import IsMember, IsStaff
from tests.api import caller
from tests.factories import UserFactory, member_with_patient

PAGES = {"api/v1/docs/"}  # for people, without a token
METHODS = ("get", "post", "put", "patch", "delete")
IN, UNKNOWN, FORBIDDEN, NOT_THERE = "in", 401, 403, 404
WHO_GETS_IN = {
    AllowAny: {"stranger": IN, "member": IN, "staff": IN},
    IsAuthenticated: {"stranger": UNKNOWN, "member": IN, "staff": IN},
    IsMember: {"stranger": UNKNOWN, "member": IN, "staff": FORBIDDEN},
    IsStaff: {"stranger": UNKNOWN, "member": FORBIDDEN, "staff": FORBIDDEN},
}


def addresses(patterns, prefix=""):
    """List every address under /api/ with its view class."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from addresses(pattern.url_patterns, route)
        elif route.startswith("api/") and route not in PAGES:
            yield route, pattern.callback.cls


ADDRESSES = dict(addresses(get_resolver().url_patterns))
CALLS = [
    (route, method)
    for route, view in ADDRESSES.items()
    for method in METHODS
    if hasattr(view, method)
]


# Whose it is decides, not a permission: staff finds what they asked for themselves.
OF_WHO_ASKED = {"api/v1/admin/jobs/<uuid:uid>/", "api/v1/admin/jobs/<uuid:uid>/cancel/"}


def permission_of(route):
    [permission] = ADDRESSES[route].permission_classes
    return permission


def test_there_are_addresses_to_try():
    assert len(CALLS) > 20


@pytest.mark.parametrize("route", ADDRESSES)
def test_every_address_names_its_permission(route):
    view = ADDRESSES[route]

    said = [parent for parent in view.__mro__ if "permission_classes" in vars(parent)]
    assert said[0].__module__.split(".")[0] not in ("rest_framework", "medbook"), route
    assert permission_of(route) in WHO_GETS_IN, f"Say in WHO_GETS_IN who gets into {route}."


@pytest.mark.parametrize("route", ADDRESSES)
def test_staff_addresses_and_no_others_ask_for_staff(route):
    is_for_staff = route.startswith("api/v1/admin/")

    assert (permission_of(route) is IsStaff) == is_for_staff


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["stranger", "member", "staff"])
@pytest.mark.parametrize(("route", "method"), CALLS)
def test_everybody_gets_in_where_they_may_and_nowhere_else(route, method, who):
    someone = {
        "stranger": lambda: None,
        "member": member_with_patient,
        "staff": lambda: UserFactory(username="desk", is_staff=True),
    }[who]()
    caches["process"].clear()
    address = "/" + route.replace("<uuid:uid>", str(uuid4()))
    assert "<" not in address

    answer = getattr(caller(someone), method)(address)

    expected = WHO_GETS_IN[permission_of(route)][who]
    if route in OF_WHO_ASKED and who == "staff":
        expected = NOT_THERE
    if expected == IN:
        assert answer.status_code < 500
        assert answer.status_code != FORBIDDEN
        if who != "stranger":
            assert answer.status_code != UNKNOWN
    else:
        assert answer.status_code == expected
