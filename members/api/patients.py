"""Which API tells and changes for whom a member may book?"""

import uuid
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from medbook import clock
from medbook.api_input import NoBody, PageQuery, StrictSerializer
from medbook.api_schema import refuses
from medbook.endpoints import Endpoint
from members.api.fields import NameText, PhoneText
from members.api.permissions import IsMember, calling_member
from members.choices import ConsentState, IdentityKind, PatientState, Relation, Sex
from members.errors import (
    AlreadyYourPatient,
    DocumentAtDesk,
    OwnPatient,
    PatientInUse,
    PlacesCoolingDown,
    TooManyPatients,
)
from members.forms.patients import (
    NOT_ALONE,
    NUMBER_LENGTH,
    complaint_about,
    needs_guardian,
)
from members.models import FamilyLink
from members.rules.identity import Document, NotSo, read_document
from members.selectors.patients import own_entry
from members.selectors.people import patient_links
from members.services.family import (
    Described,
    add_patient,
    change_patient,
    give_document,
    remove_patient,
)


class PatientSerializer(serializers.Serializer):
    """Somebody for whom the member books, as the member described them. Numbers are masked."""

    id = serializers.UUIDField(source="patient.uid")
    name = serializers.CharField(source="called")
    relation = serializers.ChoiceField(choices=Relation.choices)
    identity_kind = serializers.SerializerMethodField(help_text=_("Empty without a document."))
    identity_number = serializers.SerializerMethodField(help_text=_("Masked."))
    has_identity = serializers.BooleanField(source="patient.has_identity")
    age = serializers.SerializerMethodField()
    contact_phone = serializers.SerializerMethodField(help_text=_("Masked."))
    state = serializers.ChoiceField(choices=PatientState.choices, source="shown_state")
    consent = serializers.ChoiceField(choices=ConsentState.choices, source="shown_consent")
    may_book = serializers.SerializerMethodField(help_text=_("Consent holds; a pause may stand."))
    may_see_records = serializers.BooleanField()

    def get_identity_kind(self, link: FamilyLink) -> str:
        """Tell the kind of document by its code."""
        return link.shown_kind_code

    def get_identity_number(self, link: FamilyLink) -> str | None:
        """Mask the number."""
        return str(link.shown_number) if link.shown_number else None

    def get_age(self, link: FamilyLink) -> int | None:
        """Count the completed years."""
        return link.age(clock.now())

    def get_contact_phone(self, link: FamilyLink) -> str | None:
        """Mask the number."""
        return str(link.contact_phone) if link.contact_phone else None

    def get_may_book(self, link: FamilyLink) -> bool:
        """Tell whether consent and document allow booking."""
        return link.patient.has_identity and link.lets_book(clock.now())


class PatientBody(StrictSerializer):
    """Whom the member will book for."""

    name = NameText()
    relation = serializers.ChoiceField(choices=Relation.choices)
    identity_kind = serializers.ChoiceField(choices=IdentityKind.choices)
    identity_number = serializers.CharField(max_length=NUMBER_LENGTH)
    birth_date = serializers.DateField(
        required=False, help_text=_("Required unless the document is a resident identity card.")
    )
    sex = serializers.ChoiceField(choices=Sex.choices, required=False)
    contact_phone = PhoneText(required=False)
    is_guardian = serializers.BooleanField(
        required=False, help_text=_("A parent or guardian agrees; required for minors.")
    )

    def validate(self, said: dict[str, Any]) -> dict[str, Any]:
        """Read the document, and ask for a guardian where the patient is a minor."""
        document = _document(said)
        today = clock.site_date(clock.now())
        if needs_guardian(said["relation"], document, today) and not said.get("is_guardian"):
            raise _wrong("is_guardian", "required", str(NOT_ALONE))
        return {**said, "document": document}


class PatientChangeBody(StrictSerializer):
    """What may change: name in the list, relation, phone; and a document where none is known."""

    name = NameText(required=False)
    relation = serializers.ChoiceField(choices=Relation.choices, required=False)
    contact_phone = PhoneText(required=False, allow_blank=True)
    identity_kind = serializers.ChoiceField(choices=IdentityKind.choices, required=False)
    identity_number = serializers.CharField(max_length=NUMBER_LENGTH, required=False)
    birth_date = serializers.DateField(required=False)
    sex = serializers.ChoiceField(choices=Sex.choices, required=False)

    def validate(self, said: dict[str, Any]) -> dict[str, Any]:
        """Read the document, which comes whole and alone."""
        asked = {"identity_kind", "identity_number", "birth_date", "sex"} & said.keys()
        if not asked:
            return said
        for name in ("name", "identity_kind", "identity_number"):
            if name not in said:
                raise _wrong(name, "required", str(_("A document comes with name and number.")))
        for name in ("relation", "contact_phone"):
            if name in said:
                raise _wrong(name, "invalid", str(_("Change this by itself.")))
        return {**said, "document": _document(said)}


class MyPatients(Endpoint):
    """For whom the caller books."""

    permission_classes = (IsMember,)
    query = PageQuery
    serializer_class = PatientSerializer

    @extend_schema(operation_id="my_patients", responses={200: PatientSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List the patients of the caller's account."""
        return self.paged(patient_links(calling_member(request)))

    @extend_schema(
        operation_id="add_patient", request=PatientBody, responses={201: PatientSerializer}
    )
    @refuses(AlreadyYourPatient, TooManyPatients, PlacesCoolingDown, DocumentAtDesk)
    def post(self, request: Request) -> Response:
        """Add somebody to book for; the answer is the same whether MedBook knew them or not."""
        said = self.said(PatientBody)
        member = calling_member(request)
        described = Described(
            name=said["name"],
            document=said["document"],
            relation=said["relation"],
            contact_phone=said.get("contact_phone", ""),
            is_guardian=said.get("is_guardian", False),
        )
        link = add_patient(member=member, said=described, by=member.user, now=clock.now())
        return Response(PatientSerializer(link).data, status=201)


class MyPatient(Endpoint):
    """One of those for whom the caller books."""

    permission_classes = (IsMember,)

    @extend_schema(operation_id="my_patient", responses={200: PatientSerializer})
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """Tell one patient of the caller's account."""
        return Response(PatientSerializer(own_entry(calling_member(request), uid)).data)

    @extend_schema(
        operation_id="change_patient", request=PatientChangeBody, responses={200: PatientSerializer}
    )
    @refuses(OwnPatient, AlreadyYourPatient, DocumentAtDesk)
    def patch(self, request: Request, uid: uuid.UUID) -> Response:
        """Change how a patient is listed, or name a missing document, which makes a new id."""
        said = self.said(PatientChangeBody)
        member = calling_member(request)
        act: dict[str, Any] = {
            "member": member,
            "patient_uid": uid,
            "by": member.user,
            "now": clock.now(),
        }
        if document := said.get("document"):
            link = give_document(name=said["name"], document=document, **act)
        else:
            wanted = {"label" if name == "name" else name: text for name, text in said.items()}
            link = change_patient(**act, **wanted)
        return Response(PatientSerializer(link).data)

    @extend_schema(operation_id="remove_patient", request=NoBody, responses={204: None})
    @refuses(OwnPatient, PatientInUse)
    def delete(self, request: Request, uid: uuid.UUID) -> Response:
        """Remove a patient who has no open visit."""
        member = calling_member(request)
        remove_patient(member=member, patient_uid=uid, by=member.user, now=clock.now())
        return Response(status=204)


def _document(said: dict[str, Any]) -> Document:
    try:
        return read_document(
            kind=said["identity_kind"],
            number=said["identity_number"],
            birth_date=said.get("birth_date"),
            sex=said.get("sex", ""),
            today=clock.site_date(clock.now()),
        )
    except NotSo as wrong:
        raise _wrong(*complaint_about(wrong)) from wrong


def _wrong(field: str, code: str, sentence: str) -> serializers.ValidationError:
    return serializers.ValidationError({field: [ErrorDetail(sentence, code)]})
