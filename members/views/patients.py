"""For whom does a member book, and who books for the member?"""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from medbook import clock
from medbook.api import status_of
from medbook.errors import DomainError, Missing
from members.choices import Relation
from members.forms.patients import AppealForm, ConsentForm, DocumentForm, EntryForm, PatientForm
from members.models import Member
from members.rules import family
from members.selectors.patients import Entry, entries, entry, own_link, places
from members.selectors.people import current_suspension
from members.selectors.strikes import strikes_of
from members.services.family import (
    Described,
    add_patient,
    change_patient,
    give_document,
    remove_patient,
)
from members.services.family_consents import answer_consent
from members.services.suspensions import appeal
from members.views.entrance import for_members

LIST = "members:patients"
STRIKES_SHOWN = 10


@for_members
@require_safe
def patients(request: HttpRequest, member: Member) -> HttpResponse:
    """List those for whom a member books, what is missing, and who else books for them."""
    now = clock.now()
    context = {
        "entries": entries(member, now),
        "places": places(member, now),
        "suspension": current_suspension(member, now),
        "cool_down_days": family.COOL_DOWN.days,
    }
    return render(request, "members/patients.html", context)


@sensitive_post_parameters()
@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest, member: Member) -> HttpResponse:
    """Add somebody, after saying how many there may be.

    The answer is the same whether they were known or not.
    """
    form = _add_form(request.POST if request.method == "POST" else None, member)
    if request.method != "POST":
        return _add_page(request, member, form)
    if not form.is_valid():
        return _add_page(request, member, form, status=422)
    said = form.cleaned_data
    described = Described(
        name=said["name"],
        document=said["document"],
        relation=said["relation"],
        contact_phone=said["contact_phone"],
        is_guardian=said["is_guardian"],
    )
    try:
        add_patient(member=member, said=described, by=member.user, now=clock.now())
    except DomainError as refusal:
        form.add_error(None, refusal.detail)
        return _add_page(request, member, form, status=status_of(refusal))
    messages.success(request, _("Added. You can book now; the desk will look at the document."))
    return redirect(LIST)


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def patient(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """Show one patient of the list; change name, relation and phone."""
    found = entry(member, uid, clock.now())
    if request.method != "POST":
        return _patient_page(request, found)
    form = EntryForm(request.POST, link=found.link)
    if not form.is_valid():
        return _patient_page(request, found, entry_form=form, status=422)
    try:
        change_patient(
            member=member, patient_uid=uid, by=member.user, now=clock.now(), **form.cleaned_data
        )
    except DomainError as refusal:
        return _refused(request, found, refusal, entry_form=form)
    messages.success(request, _("Saved."))
    return redirect(LIST)


@sensitive_post_parameters()
@for_members
@require_POST
def give_patient_document(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """Name the document of a patient who has none on record."""
    now = clock.now()
    found = entry(member, uid, now)
    form = DocumentForm(request.POST, today=clock.site_date(now))
    if not form.is_valid():
        return _patient_page(request, found, document_form=form, status=422)
    try:
        give_document(
            member=member,
            patient_uid=uid,
            name=form.cleaned_data["name"],
            document=form.cleaned_data["document"],
            by=member.user,
            now=now,
        )
    except DomainError as refusal:
        return _refused(request, found, refusal, document_form=form)
    messages.success(request, _("Saved. You can book now; the desk will look at the document."))
    return redirect(LIST)


@for_members
@require_POST
def remove(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """Take somebody off the list."""
    found = entry(member, uid, clock.now())
    try:
        remove_patient(member=member, patient_uid=uid, by=member.user, now=clock.now())
    except DomainError as refusal:
        return _refused(request, found, refusal)
    messages.success(request, _("Removed. The place is free again after 30 days."))
    return redirect(LIST)


@for_members
@require_POST
def consent(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """Answer whether somebody else may book for a patient whom the member speaks for."""
    form = ConsentForm(request.POST)
    is_answered = form.is_valid()
    is_given = is_answered and form.cleaned_data["answer"] == "give"
    if is_answered:
        answer_consent(
            member=member,
            link_uid=uid,
            is_given=is_given,
            may_see_records=form.cleaned_data["may_see_records"],
            by=member.user,
            now=clock.now(),
        )
        done = _("They may book.") if is_given else _("They can no longer book.")
        messages.success(request, done)
    elif not any(b.link.uid == uid for e in entries(member, clock.now()) for b in e.bookers):
        raise Missing()
    return redirect(LIST)


@for_members
@require_POST
def appeal_pause(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """Ask the clinic to look at a pause, of a patient or of the member's own account."""
    now = clock.now()
    found = entry(member, uid, now)
    form = AppealForm(request.POST)
    if not form.is_valid():
        return _patient_page(request, found, appeal_form=form, status=422)
    try:
        appeal(
            member=member,
            patient_uid=uid,
            note=form.cleaned_data["note"],
            by=member.user,
            now=now,
        )
    except DomainError as refusal:
        return _refused(request, found, refusal)
    messages.success(request, _("The clinic has been asked to look at it."))
    return redirect(LIST)


def _add_form(said: Any, member: Member) -> PatientForm:
    own = own_link(member)
    is_complete = own is not None and own.patient.has_identity
    relations = [each for each in Relation.values if not is_complete or each != Relation.SELF.value]
    return PatientForm(said, relations=relations, today=clock.site_date(clock.now()))


def _add_page(
    request: HttpRequest, member: Member, form: PatientForm, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "places": places(member, clock.now()),
        "cool_down_days": family.COOL_DOWN.days,
    }
    return render(request, "members/patient_add.html", context, status=status)


def _refused(
    request: HttpRequest, found: Entry, refusal: DomainError, **given: Any
) -> HttpResponse:
    return _patient_page(request, found, status=status_of(refusal), detail=refusal.detail, **given)


def _patient_page(
    request: HttpRequest,
    found: Entry,
    *,
    entry_form: EntryForm | None = None,
    document_form: DocumentForm | None = None,
    appeal_form: AppealForm | None = None,
    detail: str = "",
    status: int = 200,
) -> HttpResponse:
    """Show one patient; of a form that was sent, with what is wrong in it."""
    link, now = found.link, clock.now()
    pause = found.suspension
    if pause is None and link.relation == Relation.SELF:
        pause = current_suspension(link.member, now)
    name = {"name": link.called} if link.label or link.patient.name else {}
    has_document = link.patient.has_identity
    context = {
        "entry": found,
        "link": link,
        "pause": pause,
        "strikes": strikes_of(link.member, link.patient)[:STRIKES_SHOWN],
        "form": entry_form or document_form or appeal_form,
        "entry_form": entry_form or EntryForm(link=link),
        "document_form": None
        if has_document
        else document_form or DocumentForm(today=clock.site_date(now), initial=name),
        "appeal_form": appeal_form or AppealForm(),
        "detail": detail,
        "cool_down_days": family.COOL_DOWN.days,
    }
    return render(request, "members/patient.html", context, status=status)
