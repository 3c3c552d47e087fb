"""What does somebody show besides a password?"""

from django.db.models import QuerySet

from members.choices import FactorKind
from members.models import RecoveryCode, SecondFactor, User


def second_factors(user: User) -> QuerySet[SecondFactor]:
    """Return the second factors of an account, oldest first."""
    return SecondFactor.objects.filter(user=user).order_by("id")


def has_second_factor(user: User) -> bool:
    """Tell whether an account has a second factor."""
    return second_factors(user).exists()


def has_app(user: User) -> bool:
    """Tell whether an account has an authenticator app."""
    return second_factors(user).filter(kind=FactorKind.APP).exists()


def recovery_codes_left(user: User) -> int:
    """Count the recovery codes not yet used."""
    return RecoveryCode.objects.filter(user=user, used_at=None).count()
