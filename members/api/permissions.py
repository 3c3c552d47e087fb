"""Who may call an endpoint?"""

from django.http import HttpRequest
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from members.models import Member, User
from members.selectors.people import member_of


class IsMember(BasePermission):
    """Let members in; the member is `request.member` afterwards."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Find the member of the account."""
        request.member = member_of(request.user)  # type: ignore[attr-defined]
        return request.member is not None  # type: ignore[attr-defined]


class IsStaff(BasePermission):
    """Let staff in that holds the permissions that the view names in `permissions_needed`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the database, not the token: what was taken away is gone at once."""
        user = request.user
        if not isinstance(user, User) or not user.is_staff:
            return False
        return user.has_perms(getattr(view, "permissions_needed", ()))


def calling_member(request: Request | HttpRequest) -> Member:
    """Return the member whom IsMember let in."""
    member = getattr(request, "member", None)
    if not isinstance(member, Member):
        raise TypeError("The endpoint does not ask for IsMember.")
    return member
