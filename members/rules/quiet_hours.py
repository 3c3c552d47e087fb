"""When is a message sent that must not wake anybody?"""

from datetime import datetime, time, timedelta, tzinfo


def after_quiet_hours(
    now: datetime, *, quiet_from: time, quiet_until: time, zone: tzinfo
) -> datetime:
    """Tell when to send what is ready now: at once, or when the quiet hours end.

    Quiet hours run from the one time up to, and without, the other by the wall clock of the zone,
    over midnight where they end before they begin; none where both are equal.
    Source: docs/flows/messages.md.
    """
    local = now.astimezone(zone)
    clock = local.time()
    wraps = quiet_until < quiet_from
    if wraps:
        is_quiet = clock >= quiet_from or clock < quiet_until
    else:
        is_quiet = quiet_from <= clock < quiet_until
    if not is_quiet:
        return now
    ends_tomorrow = wraps and clock >= quiet_from
    day = local.date() + timedelta(days=ends_tomorrow)
    return datetime.combine(day, quiet_until, zone).astimezone(now.tzinfo)
