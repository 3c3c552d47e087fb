"""Who acts?"""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from members.models import User


def acting(request: HttpRequest) -> User:
    """Name the staff member behind a request. Raises: PermissionDenied."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
