"""Which API lets members wait for a place, and answer offers?"""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.api.helping import with_alternatives
from appointments.api.serializers import AppointmentSerializer
from appointments.api.views.appointments import (
    BOOKER_REFUSALS,
    MAY_NOT_BOOK,
    MemberEndpoint,
    patient_of,
)
from appointments.api.waiting import (
    TARGETS,
    AlternativesSerializer,
    DeclineBody,
    OfferSerializer,
    WishBody,
    WishesQuery,
    WishSerializer,
)
from appointments.choices import HalfDay
from appointments.errors import (
    CalledOff,
    InThePast,
    NotOpenYet,
    OfferExpired,
    PlacesFree,
    SaleOver,
    TooFarAhead,
    WaitlistDuplicate,
    WaitlistFull,
    WrongState,
)
from appointments.rules.waitlist import When
from appointments.selectors.waitlist import (
    bands,
    of_member,
    open_offers,
    own_offer,
    own_wish,
    target_named,
)
from appointments.services.offer_answers import accept_offer, decline_offer
from appointments.services.waitlist import join_waitlist, leave_waitlist
from medbook import clock
from medbook.api_input import NoBody, PageQuery, idempotency_key
from medbook.api_schema import helped_by, keyed, refuses
from medbook.endpoints import Endpoint
from medbook.errors import InProgress, Missing
from medbook.idempotency.services import IdempotencyKeyReused
from members.api.permissions import IsMember, calling_member


class Waitlist(Endpoint):
    """The caller's wishes."""

    permission_classes = (IsMember,)
    query = WishesQuery
    ordering = ("-joined_at", "-uid")
    serializer_class = WishSerializer

    @extend_schema(operation_id="waitlist", responses=WishSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List what the caller's patients wait for, and have waited for, the latest first."""
        rows = of_member(calling_member(request))
        if state := self.asked.get("state"):
            rows = rows.filter(state=state)
        found = self.paginate_queryset(rows) or []
        context = {"bands": bands(found)}
        return self.get_paginated_response(WishSerializer(found, many=True, context=context).data)

    @extend_schema(
        operation_id="join_waitlist",
        parameters=keyed(is_required=False),
        request=WishBody,
        responses={201: WishSerializer},
    )
    @refuses(
        *MAY_NOT_BOOK,
        Missing,
        CalledOff,
        NotOpenYet,
        SaleOver,
        InThePast,
        TooFarAhead,
        WaitlistFull,
        WaitlistDuplicate,
        PlacesFree,
        InProgress,
        IdempotencyKeyReused,
    )
    @helped_by(alternatives=AlternativesSerializer)
    def post(self, request: Request) -> Response:
        """Let a patient wait for a place of a session, a doctor or a department."""
        key = idempotency_key(request, is_required=False)
        said = self.said(WishBody)
        member = calling_member(request)
        target = target_named(**{name: said[name] for name in TARGETS if name in said})
        if target is None:
            raise NotFound
        with with_alternatives(member, said.get("schedule")):
            joined = join_waitlist(
                member=member,
                patient=patient_of(member, said["patient"]),
                target=target,
                when=None if target.schedule else _when(said),
                by=member.user,
                now=clock.now(),
                idempotency_key=key,
            )
        wish = own_wish(member, joined.wish.uid)
        headers = {"Idempotent-Replay": "true"} if joined.is_replay else {}
        context = {"bands": bands([wish])}
        return Response(WishSerializer(wish, context=context).data, status=201, headers=headers)


class WaitlistWish(Endpoint):
    """One of the caller's wishes."""

    permission_classes = (IsMember,)

    @extend_schema(operation_id="leave_waitlist", request=NoBody, responses={204: None})
    @refuses(WrongState)
    def delete(self, request: Request, uid: uuid.UUID) -> Response:
        """Stop waiting; a place on offer is passed on."""
        leave_waitlist(entry_uid=uid, by=calling_member(request).user, now=clock.now())
        return Response(status=204)


class OfferList(Endpoint):
    """The places that are kept for the caller."""

    permission_classes = (IsMember,)
    query = PageQuery
    ordering = ("expires_at", "uid")
    serializer_class = OfferSerializer

    @extend_schema(operation_id="offers", responses=OfferSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the open offers, what ends first first."""
        return self.paged(open_offers(calling_member(request), clock.now()))


class OfferAccept(MemberEndpoint):
    """Accept an offer."""

    @extend_schema(
        operation_id="accept_offer", request=NoBody, responses={200: AppointmentSerializer}
    )
    @refuses(*BOOKER_REFUSALS, OfferExpired)
    @helped_by(alternatives=AlternativesSerializer)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Hold the offered place for 15 minutes, to be confirmed; again changes nothing."""
        self.said(NoBody)
        member = calling_member(request)
        offer = own_offer(member, uid)
        with with_alternatives(member, offer.slot.schedule.uid, offer.slot.starts_at):
            held = accept_offer(offer_uid=uid, by=member.user, now=clock.now())
        return Response(self.described(held.uid))


class OfferDecline(Endpoint):
    """Decline an offer."""

    permission_classes = (IsMember,)

    @extend_schema(
        operation_id="decline_offer", request=DeclineBody, responses={200: OfferSerializer}
    )
    @refuses(OfferExpired)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Pass the place on; the wish ends, unless it is kept."""
        keep = self.said(DeclineBody)["keep"]
        member = calling_member(request)
        decline_offer(offer_uid=uid, keep=keep, by=member.user, now=clock.now())
        return Response(OfferSerializer(own_offer(member, uid)).data)


def _when(said: dict[str, Any]) -> When:
    halves = said.get("half_days") or HalfDay.values
    return When(said["first_day"], said["last_day"], [HalfDay(half) for half in halves])
