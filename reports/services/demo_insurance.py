"""By which invented policies are members of the demo insured?"""

from datetime import datetime

from django.db import transaction

from billing.choices import Insurer
from billing.models import InsurancePlan
from billing.services.policies import add_policy
from medbook import clock
from members.models import FamilyLink
from reports.services.demo_hospital import demo_rows


def make_insurance(*, now: datetime) -> int:
    """Make plans, and policies of some members; tell how many policies."""
    rows = demo_rows("insurance")
    with transaction.atomic(durable=True):
        plans = {
            row["code"]: InsurancePlan.objects.create(**row, insurer=Insurer.SANDBOX)
            for row in rows["plans"]
        }
    links = {
        link.member.phone.reveal(): link
        for link in FamilyLink.objects.select_related("member__user", "patient")
        if link.member.phone
    }
    for row in rows["policies"]:
        link = links[row["phone"]]
        add_policy(
            member=link.member,
            patient_uid=link.patient.uid,
            plan=plans[row["plan"]],
            number=row["number"],
            valid_from=clock.site_date(now).replace(month=1, day=1),
            valid_to=None,
            by=link.member.user,
            now=now,
        )
    return len(rows["policies"])
