"""How do columns become the ranges that exclusion constraints compare?"""

from django.db.models import F, Func, Value


def one(field: str) -> Func:
    """Write an integer as a range of one, so that ranges alone can exclude equality."""
    return Func(F(field), F(field), Value("[]"), function="int8range")


def period(start: str, end: str) -> Func:
    """Write two instants as a half-open range."""
    return Func(F(start), F(end), Value("[)"), function="tstzrange")


def days(first: str, last: str) -> Func:
    """Write two dates as a range that includes both; no last date is no end."""
    return Func(F(first), F(last), Value("[]"), function="daterange")


def minutes(start: str, end: str) -> Func:
    """Write two times of day as a half-open range of minutes since midnight."""
    return Func(
        Func(F(start), template="(EXTRACT(EPOCH FROM %(expressions)s) / 60)::int"),
        Func(F(end), template="(EXTRACT(EPOCH FROM %(expressions)s) / 60)::int"),
        Value("[)"),
        function="int4range",
    )
