from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0009_second_factors_and_browser_sessions"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="member",
            options={
                "permissions": [
                    ("suspend_member", "Can suspend a member and lift a suspension"),
                    ("change_member_tier", "Can change the tier of a member"),
                    ("change_phone", "Can change the phone number of a member"),
                    ("erase_member", "Can erase a member"),
                ],
                "verbose_name": "member",
                "verbose_name_plural": "members",
            },
        ),
    ]
