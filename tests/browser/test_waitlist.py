"""Can staff read the waitlist on a phone, to the last column?"""

from types import SimpleNamespace

from django.contrib.auth.models import Permission

from tests.browser.test_pages import violations
from tests.factories import SlotFactory, UserFactory, WaitlistEntryFactory

HIDDEN = "region => region.scrollWidth - region.clientWidth"


def test_every_column_of_the_waitlist_fits_a_phone(visitor):
    wish = WaitlistEntryFactory()
    SlotFactory(schedule=wish.schedule)
    staff = UserFactory(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename="view_waitlistentry"))
    page = visitor(SimpleNamespace(user=staff))

    for address in ("/admin/waitlist/", f"/admin/waitlist/{wish.uid}/"):
        page.goto(address)
        assert page.locator(".wishes").evaluate(HIDDEN) == 0
        assert violations(page) == []
