from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("appointments", "0005_offered_places_have_an_open_offer"),
        ("members", "0012_strike_appeals"),
        ("scheduling", "0003_reserves_leaves_and_limits"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="appointment",
            options={
                "default_permissions": ("view",),
                "permissions": [
                    ("check_in", "Can check patients in"),
                    ("conduct_visit", "Can start and finish consultations"),
                    ("cancel_for_member", "Can cancel for a member"),
                    ("call_off", "Can call off schedules"),
                    ("note_no_show", "Can note who has not come, and correct the day's states"),
                    (
                        "book_for_member",
                        "Can book for a member and take in who comes without a booking",
                    ),
                    ("add_extra_place", "Can add a place for somebody who comes without a booking"),
                ],
                "verbose_name": "appointment",
                "verbose_name_plural": "appointments",
            },
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(
                condition=models.Q(("state", "booked")),
                fields=["ends_at"],
                name="appointment_awaited",
            ),
        ),
    ]
