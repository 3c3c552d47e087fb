"""Short ways to be staff in tests."""

from django.contrib.auth.models import Permission
from django.test import Client

from tests.factories import UserFactory

SCHEDULER = [
    *(
        f"{act}_{model}"
        for model in ("clinic", "department", "room", "visittype", "doctor", "rostertemplate")
        for act in ("view", "add", "change")
    ),
    "view_schedule",
    "add_schedule",
    "change_schedule",
    "view_slot",
    "view_releaserun",
    "run_release",
]


def staff(*codenames):
    """Make a staff member who may do so much."""
    user = UserFactory(is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="scheduling", codename__in=codenames)
    )
    return user


def scheduler():
    """Make somebody who keeps doctors, rosters and schedules."""
    return staff(*SCHEDULER)


def client_of(user):
    """Sign somebody in to the workbench."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client
