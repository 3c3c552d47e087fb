import uuid

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.urls import reverse

from medbook import request_context
from medbook.audit.choices import Action
from medbook.audit.models import OperationLog
from medbook.audit.services import entry, record_event, record_events
from medbook.request_context import RequestContext, entered
from tests.factories import MemberFactory, PatientFactory, UserFactory

pytestmark = pytest.mark.django_db

FROM_THE_DESK = RequestContext(
    request_id="req-12345678",
    channel="admin",
    ip="203.0.113.9",
    user_agent="Browser",
    actor_type="user",
    actor_uid=str(uuid.uuid4()),
    actor_role="staff",
)


def test_says_who_did_what_to_which_object_from_where():
    alice, bo, patient = MemberFactory(), UserFactory(), PatientFactory()

    with entered(FROM_THE_DESK):
        record_event(
            Action.MEMBER_TIER_CHANGED,
            subject=alice,
            by=bo,
            patient=patient,
            reason="birthday",
            changed=["tier"],
            facts={"from": "member"},
        )

    event = OperationLog.objects.get()
    assert (event.action, event.outcome, event.reason) == ("member.tier_changed", "ok", "birthday")
    assert (event.actor_type, event.actor_uid, event.actor_role) == ("user", bo.uid, "staff")
    assert (event.subject_type, event.subject_uid) == ("members.member", alice.uid)
    assert event.patient_uid == patient.uid
    assert (event.changed_fields, event.facts) == (["tier"], {"from": "member"})
    assert (event.request_id, event.ip, event.channel) == ("req-12345678", "203.0.113.9", "admin")


def test_the_request_names_the_actor_where_the_act_does_not():
    with entered(FROM_THE_DESK):
        record_event(Action.EXPORT_MADE)

    assert str(OperationLog.objects.get().actor_uid) == FROM_THE_DESK.actor_uid


def test_work_without_a_request_is_the_systems():
    record_event(Action.RELEASE_RUN)

    event = OperationLog.objects.get()
    assert (event.actor_type, event.actor_uid, event.channel) == ("system", None, "command")


def test_an_act_that_the_log_does_not_know_is_a_bug():
    with pytest.raises(ValueError, match="coffee"):
        record_event("coffee.made")


def test_there_is_no_record_of_an_act_that_was_rolled_back():
    with transaction.atomic():
        record_event(Action.EXPORT_MADE)
        transaction.set_rollback(True)

    assert not OperationLog.objects.exists()


def test_writes_many_in_one_statement(django_assert_num_queries):
    with django_assert_num_queries(1):
        record_events(entry(Action.EXPORT_MADE) for _ in range(20))

    assert OperationLog.objects.count() == 20


def test_long_reasons_and_browsers_are_cut():
    with entered(RequestContext(user_agent="x" * 500)):
        record_event(Action.EXPORT_MADE, reason="y" * 500)

    event = OperationLog.objects.get()
    assert (len(event.reason), len(event.user_agent)) == (200, 200)


@pytest.fixture
def auditor(client):
    otto = UserFactory(is_staff=True)
    otto.user_permissions.add(Permission.objects.get(codename="view_operationlog"))
    client.force_login(otto)
    return client


LIST = "admin:audit_operationlog_changelist"


def test_auditors_read_the_log_and_find_an_id(auditor):
    alice = MemberFactory()
    record_event(Action.MEMBER_JOINED, subject=alice)
    record_event(Action.EXPORT_MADE)

    def shown(term):
        page = auditor.get(reverse(LIST, query={"q": term} if term else None))
        return [row.action for row in page.context["cl"].result_list]

    assert {"member.joined", "export.made"} <= set(shown(""))
    assert shown(str(alice.uid)) == ["member.joined"]
    assert shown("not an id") == []


def test_nobody_changes_the_log_through_the_admin(admin_client):
    record_event(Action.EXPORT_MADE)
    event = OperationLog.objects.get(action="export.made")
    change = reverse("admin:audit_operationlog_change", args=[event.pk])

    assert admin_client.get(reverse("admin:audit_operationlog_add")).status_code == 403
    assert admin_client.post(change, {"action": "member.joined"}).status_code == 403
    delete = reverse("admin:audit_operationlog_delete", args=[event.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"}
    admin_client.post(reverse(LIST), chosen)

    event.refresh_from_db()
    assert event.action == "export.made"


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "client"),
    [
        ("203.0.113.9", "", 0, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", 0, "203.0.113.9"),  # nobody is trusted
        ("10.0.0.1", "198.51.100.1", 1, "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", 1, "198.51.100.1"),  # the first is the caller's tale
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", 2, "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", 2, "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1", 2, "10.0.0.1"),  # fewer than promised
        ("10.0.0.1", "", 1, "10.0.0.1"),
        ("10.0.0.1", "nonsense", 1, "10.0.0.1"),
        ("10.0.0.1", "<script>", 1, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1:52144", 1, "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::7]:443", 1, "2001:db8::7"),
        ("10.0.0.1", "2001:DB8::7", 1, "2001:db8::7"),
        ("::ffff:203.0.113.9", "", 0, "203.0.113.9"),
        ("10.0.0.1", "::ffff:198.51.100.1", 1, "198.51.100.1"),
        ("", "", 0, None),
        ("unix", "", 0, None),
    ],
)
def test_tells_the_client_by_the_number_of_trusted_proxies(peer, forwarded, proxies, client):
    meta = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}

    assert request_context.client_ip(meta, trusted_proxies=proxies) == client


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        (None, "unknown"),
    ],
)
def test_limits_are_counted_by_network(ip, network):
    assert request_context.network_of(ip) == network


@pytest.mark.parametrize(
    ("header", "is_kept"),
    [
        ("abcdef-123456", True),
        ("short", False),
        ("x" * 65, False),
        ("a\nb" * 5, False),
        (None, False),
    ],
)
def test_a_callers_request_id_is_kept_if_it_is_harmless(header, is_kept):
    assert (request_context.request_id_from(header) == header) == is_kept
