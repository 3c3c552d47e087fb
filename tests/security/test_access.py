"""Who gets in where? Every address, tried by everybody."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.urls import reverse

from members.choices import Role
from tests.security import access
from tests.security.routes import every_route
from tests.security.world import ALICE, ANONYMOUS, BO, PEOPLE, SUPERUSER

IN, SIGN_IN, FORBIDDEN, MISSING = "in", "sign in", "forbidden", "missing"
BODIES = {"appointment-confirm": {"pay": "desk"}, "invoice-payments": {"gateway": "sandbox"}}
SIGN_IN_PAGES = ("/sign-in/", "/admin/login/")


def allowed(route):
    """Return who may open an address, from the one table."""
    if route.admin_act is None:
        return access.PAGES_AND_API[route.name]
    model, act = route.admin_act
    rights = access.MODELS[model]
    if act in access.EXTRA.get(model, {}):
        return access.EXTRA[model][act]
    return {
        "list": rights.view,
        "row": access.STAFF,  # only leads on to the change page
        "history": rights.view,
        "add": rights.add,
        "change": rights.view,
        "delete": rights.delete,
    }[act]


def outcome(answer):
    """Tell how somebody was received."""
    if answer.status_code == 401:
        return SIGN_IN
    if answer.status_code == 302 and any(page in answer["Location"] for page in SIGN_IN_PAGES):
        return SIGN_IN
    if answer.status_code == 403:
        return FORBIDDEN
    if answer.status_code == 404:
        return MISSING
    return IN if answer.status_code < 500 else f"broken: {answer.status_code}"


def expected(route, who, person):
    """Tell how somebody should be received."""
    if who in (access.PUBLIC, access.NOTIFIED):
        return IN
    if who == access.SIGNED:
        return SIGN_IN
    is_member = person in (ALICE, BO)
    if person == ANONYMOUS or (is_member and route.is_admin):
        return SIGN_IN
    if who == "account":
        return IN
    if who == access.MEMBER:
        return IN if is_member else FORBIDDEN
    if who == access.HOLDER:
        return IN if person == ALICE else MISSING
    if who == access.OWNER:
        return {ALICE: IN, BO: MISSING}.get(person, FORBIDDEN)
    if who is access.NOBODY or is_member:
        return FORBIDDEN
    if who == "nothing":
        return MISSING
    if person == SUPERUSER or person in who:
        return IN
    return MISSING if isinstance(who, access.Hidden) else FORBIDDEN


def knock(world, route, person, method=None, **options):
    """Ask for an address the natural way: read it; where there is nothing to read, send {}."""
    path = route.path(world.fill)
    if route.is_api:
        options = {
            "headers": world.token(person),
            "content_type": "application/json",
            "data": BODIES.get(route.name, {}),
            **options,
        }
        client = world.browser(ANONYMOUS)
    else:
        client = world.browser(person)
    if method:
        return client.generic(method, path, **options)
    answer = client.get(path, headers=options.get("headers"))
    for ask in (client.post, client.delete):
        if answer.status_code == 405:
            answer = ask(path, **options)
    return answer


def test_every_address_is_in_the_table_and_the_table_has_no_other():
    routes = every_route()
    listed = {route.name for route in routes if route.admin_act is None}
    models = {route.admin_act[0] for route in routes if route.admin_act}

    assert sorted(listed) == sorted(access.PAGES_AND_API)
    assert sorted(models) == sorted(access.MODELS)


@pytest.mark.parametrize("person", PEOPLE)
def test_receives_everybody_as_the_table_says(world, person):
    surprises = []
    for route in every_route():
        if route.language == "zh-hans" and person not in (ANONYMOUS, ALICE):
            continue
        found = outcome(knock(world, route, person))
        wanted = expected(route, allowed(route), person)
        if found != wanted:
            surprises.append(f"{route}: {found}, not {wanted}")

    assert not surprises, "\n".join(surprises)


def test_every_action_on_chosen_rows_is_in_the_table():
    found = {}
    for model, model_admin in admin.site._registry.items():
        if model_admin.actions:
            found[model._meta.label_lower] = sorted(model_admin.actions)

    assert found == {model: sorted(names) for model, names in access.ACTIONS.items()}


@pytest.mark.parametrize("person", [each for each in PEOPLE if each not in (ANONYMOUS, BO)])
def test_asks_only_those_to_confirm_an_action_who_may_do_it(world, person):
    surprises = []
    for model, actions in access.ACTIONS.items():
        page = reverse(f"admin:{model.replace('.', '_')}_changelist")
        for action, who in actions.items():
            form = {"action": action, ACTION_CHECKBOX_NAME: world.row(model).pk, "index": "0"}
            answer = world.browser(person).post(page, form)
            is_asked = answer.status_code == 200 and 'name="confirmed"' in answer.text
            if is_asked != (person == SUPERUSER or person in who):
                surprises.append(f"{model} {action}: {answer.status_code}")

    assert not surprises, "\n".join(surprises)


@pytest.mark.parametrize("person", [Role.DESK.value, Role.FINANCE.value, Role.SCHEDULER.value])
def test_no_action_happens_by_sending_its_confirmation_at_once(world, person):
    before = [row.state for row in apps.get_model("scheduling.schedule").objects.order_by("pk")]
    page = reverse("admin:scheduling_schedule_changelist")
    form = {"action": "call_off", ACTION_CHECKBOX_NAME: world.schedule.pk, "confirmed": "1"}

    world.browser(person).post(page, {**form, "reason": "Nobody asked"})

    after = [row.state for row in apps.get_model("scheduling.schedule").objects.order_by("pk")]
    assert (before == after) == (person != Role.SCHEDULER)


@pytest.mark.parametrize(
    ("person", "status"), [(Role.SCHEDULER, 200), (Role.FINANCE, 403), (Role.ADMINISTRATOR, 403)]
)
def test_offers_choices_only_to_those_who_may_see_them(world, person, status):
    asked = {"app_label": "scheduling", "model_name": "schedule", "field_name": "doctor"}

    answer = world.browser(person.value).get("/admin/autocomplete/", {**asked, "term": "chen"})

    assert answer.status_code == status
