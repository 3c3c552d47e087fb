"""How does somebody want pages to look?"""

from django.contrib.auth.models import AnonymousUser

from members.models import User


def theme_of(user: User | AnonymousUser | None) -> str:
    """Tell the theme that an account has chosen; '' for that of the device."""
    return user.theme if isinstance(user, User) else ""


def text_size_of(user: User | AnonymousUser | None) -> str:
    """Tell the size of text that an account has chosen; '' for the normal one."""
    return user.text_size if isinstance(user, User) else ""
