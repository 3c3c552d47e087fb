from datetime import UTC, datetime

from django.db import migrations

SINCE = datetime(2020, 1, 1, tzinfo=UTC)
TIERS = [
    # code, English, Chinese, points from
    ("member", "Member", "会员", 0),
    ("silver", "Silver", "银卡", 300),
    ("gold", "Gold", "金卡", 1000),
    ("jade", "Jade", "翡翠", 3000),
]
PRIVILEGES = {
    # what tiers differ in, and what holds for all until staff says otherwise
    "discount_rate": ("1", "0.95", "0.90", "0.85"),
    "early_access_minutes": ("0", "0", "15", "30"),
    "can_cancel_late": ("false", "false", "true", "true"),
    "open_bookings_limit": ("6", "7", "8", "10"),
    "pay_at_desk": ("true", "true", "true", "true"),
}


def add_tiers(apps, schema_editor):
    Tier = apps.get_model("members", "Tier")
    Privilege = apps.get_model("members", "Privilege")
    db = schema_editor.connection.alias
    for rank, (code, name_en, name_zh, points_from) in enumerate(TIERS):
        tier = Tier.objects.using(db).create(
            code=code, name_en=name_en, name_zh=name_zh, rank=rank, points_from=points_from
        )
        Privilege.objects.using(db).bulk_create(
            Privilege(tier=tier, key=key, value=values[rank], valid_from=SINCE)
            for key, values in PRIVILEGES.items()
        )


def remove_tiers(apps, schema_editor):
    db = schema_editor.connection.alias
    codes = [tier[0] for tier in TIERS]
    apps.get_model("members", "Privilege").objects.using(db).filter(tier__code__in=codes).delete()
    apps.get_model("members", "Tier").objects.using(db).filter(code__in=codes).delete()


class Migration(migrations.Migration):
    dependencies = [("members", "0002_immutable_uids")]

    operations = [migrations.RunPython(add_tiers, remove_tiers)]
