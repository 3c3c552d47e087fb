"""Handlers of outbox messages, for tests."""

from members.models import Tier

heard = []


def note(**ids):
    """Remember what was told."""
    heard.append(ids)


def write_and_fail(**ids):
    """Write a row, then break."""
    Tier.objects.create(code="broken", name_en="Broken", name_zh="坏", rank=99, points_from=99999)
    raise ConnectionError("the mail server's words may name people")


def break_the_transaction(**ids):
    """Break a constraint, which makes PostgreSQL refuse whatever follows in the transaction."""
    Tier.objects.create(code="again", name_en="Again", name_zh="再", rank=0, points_from=0)
