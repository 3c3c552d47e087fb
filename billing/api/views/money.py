"""Which API lets members pay, and staff approve what goes back?"""

import uuid

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.serializers import (
    InvoicesQuery,
    PaymentBody,
    RefundsQuery,
    StaffRefundSerializer,
    StartedSerializer,
    WholeInvoiceSerializer,
)
from billing.errors import (
    AlreadyPaid,
    GatewayAway,
    NothingToPay,
    PaymentDeclined,
    RefundExceedsPayment,
    SecondPersonRequired,
    TooLateToPay,
    UnknownGateway,
    WrongState,
)
from billing.models import Invoice, Payment, Refund
from billing.services.payments import start_payment
from billing.services.refunds import approve_refund
from medbook import clock
from medbook.api_input import IdempotencyKeyRequired, NoBody, idempotency_key
from medbook.api_schema import keyed, refuses
from medbook.endpoints import Endpoint
from medbook.errors import InProgress, Missing
from medbook.idempotency.services import IdempotencyKeyReused
from members.api.permissions import IsMember, IsStaff, calling_member
from members.models import Member
from members.selectors.people import signed_in


class InvoiceList(Endpoint):
    """What the caller owes and has paid."""

    permission_classes = (IsMember,)
    query = InvoicesQuery
    ordering = ("-issued_at", "uid")
    serializer_class = WholeInvoiceSerializer

    @extend_schema(operation_id="invoices", responses=WholeInvoiceSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List invoices, the latest first."""
        rows = _invoices(calling_member(request))
        if state := self.asked.get("state"):
            rows = rows.filter(state=state)
        return self.paged(rows)


class InvoiceDetail(Endpoint):
    """One of the caller's invoices."""

    permission_classes = (IsMember,)

    @extend_schema(operation_id="invoice", responses=WholeInvoiceSerializer)
    @refuses(Missing)
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """Describe an invoice with its lines and payments."""
        invoice = _invoices(calling_member(request)).filter(uid=uid).first()
        if invoice is None:
            raise Missing()
        return Response(WholeInvoiceSerializer(invoice).data)


class PaymentList(Endpoint):
    """Attempts to pay one invoice."""

    permission_classes = (IsMember,)

    @extend_schema(
        operation_id="pay",
        parameters=keyed(is_required=True),
        request=PaymentBody,
        responses={201: StartedSerializer},
    )
    @refuses(
        Missing,
        AlreadyPaid,
        NothingToPay,
        TooLateToPay,
        UnknownGateway,
        PaymentDeclined,
        GatewayAway,
        IdempotencyKeyRequired,
        IdempotencyKeyReused,
        InProgress,
    )
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Begin to pay an open invoice; tells where the payer goes."""
        said = self.said(PaymentBody)
        member = calling_member(request)
        if not Invoice.objects.filter(uid=uid, member=member).exists():
            raise Missing()
        key = idempotency_key(request)
        started = start_payment(
            invoice_uid=uid,
            member=member,
            gateway=said["gateway"],
            return_url=f"{settings.BASE_URL}/",
            idempotency_key=key,
            by=member.user,
            now=clock.now(),
        )
        payment = Payment.objects.prefetch_related("refunds").get(pk=started.payment.pk)
        answer = StartedSerializer(
            {
                "payment": payment,
                "redirect_url": started.way.redirect_url,
                "qr": started.way.qr,
            }
        )
        headers = {"Idempotent-Replay": "true"} if started.is_replay else {}
        return Response(answer.data, status=201, headers=headers)


class RefundList(Endpoint):
    """What goes back, and what has gone back."""

    permission_classes = (IsStaff,)
    permissions_needed = ("billing.view_refund",)
    query = RefundsQuery
    ordering = ("-requested_at", "uid")
    serializer_class = StaffRefundSerializer

    @extend_schema(operation_id="refunds", responses=StaffRefundSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List refunds, the latest first."""
        rows = Refund.objects.select_related("payment__invoice")
        if state := self.asked.get("state"):
            rows = rows.filter(state=state)
        return self.paged(rows)


class RefundApprove(Endpoint):
    """Let a refund go."""

    permission_classes = (IsStaff,)
    permissions_needed = ("billing.approve_refund",)

    @extend_schema(
        operation_id="approve_refund", request=NoBody, responses={200: StaffRefundSerializer}
    )
    @refuses(Missing, WrongState, SecondPersonRequired, RefundExceedsPayment)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Approve a refund above the limit as a second person, or send a failed one again."""
        self.said(NoBody)
        approve_refund(refund_uid=uid, by=signed_in(request.user), now=clock.now())
        refund = Refund.objects.select_related("payment__invoice").get(uid=uid)
        return Response(StaffRefundSerializer(refund).data)


def _invoices(member: Member) -> QuerySet[Invoice]:
    payments = Payment.objects.order_by("id").prefetch_related("refunds")
    rows = Invoice.objects.filter(member=member)
    return rows.prefetch_related("lines", Prefetch("payments", payments))
