"""How does a member get a receipt, and anybody see that it is genuine?"""

from dataclasses import dataclass
from decimal import Decimal

import segno
from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from appointments.forms import VerifyForm
from billing.models import Receipt
from billing.selectors import own_receipt, receipt_by_code, receipts_of, refund_receipts
from billing.services.receipt_pdf import as_pdf
from medbook.references import normalised_reference
from members.models import Member
from members.selectors.patients import Masked, masked_patient
from members.views.entrance import for_members

RECEIPTS_ON_A_PAGE = 20


@dataclass(frozen=True)
class Paper:
    """A receipt with what its paper shows besides."""

    receipt: Receipt
    refunds: list[Receipt]
    patient: Masked | None
    address: str


@for_members
@require_safe
def receipts(request: HttpRequest, member: Member) -> HttpResponse:
    """List a member's receipts, the latest first."""
    page = Paginator(receipts_of(member), RECEIPTS_ON_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "appointments/receipts.html", {"member": member, "page": page})


@for_members
@require_safe
def receipt(request: HttpRequest, member: Member, number: str) -> HttpResponse:
    """Show one receipt, with what went back of it."""
    paper = _paper(member, number)
    context = {"member": member, "paper": paper, "receipt": paper.receipt}
    context["qr_svg"] = _drawn(paper.address)
    return render(request, "appointments/receipt.html", context)


@for_members
@require_safe
def receipt_pdf(request: HttpRequest, member: Member, number: str) -> HttpResponse:
    """Give one receipt as a file; nobody keeps a copy on the way."""
    paper = _paper(member, number)
    answer = HttpResponse(
        as_pdf(paper.receipt, paper.refunds, paper.patient, paper.address),
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{paper.receipt.number}.pdf"'},
    )
    answer["Cache-Control"] = "no-store, private"
    return answer


@require_safe
@never_cache
def verify(request: HttpRequest) -> HttpResponse:
    """Ask for number and code of a receipt; lead to what is known of it."""
    form = VerifyForm(request.GET if "code" in request.GET else None)
    if form.is_bound and form.is_valid():
        code = normalised_reference(form.cleaned_data["code"])
        found = receipt_by_code(code, form.cleaned_data["number"].strip().upper())
        if found is not None:
            return redirect("appointments:verified_receipt", found.verify_code)
        form.add_error(None, _("We gave out no receipt with this number and this code."))
    status = 422 if form.is_bound else 200
    return render(request, "appointments/verify_receipt.html", {"form": form}, status=status)


@require_safe
@never_cache
def verified(request: HttpRequest, code: str) -> HttpResponse:
    """Say to whoever has the code that a receipt is genuine, and what is left of it; no names."""
    found = receipt_by_code(normalised_reference(code))
    refunds = refund_receipts(found) if found else []
    context = {
        "receipt": found,
        "refunded": sum((each.amount for each in refunds), Decimal(0)),
        "form": VerifyForm(),
    }
    status = 200 if found else 404
    return render(request, "appointments/verified_receipt.html", context, status=status)


def _paper(member: Member, number: str) -> Paper:
    found = own_receipt(member, number)
    address = reverse("appointments:verified_receipt", args=[found.verify_code])
    return Paper(
        receipt=found,
        refunds=refund_receipts(found),
        patient=masked_patient(member, found.patient) if found.patient else None,
        address=f"{settings.BASE_URL}{address}",
    )


def _drawn(address: str) -> SafeString:
    """Draw an address to be scanned."""
    drawing = segno.make(address, error="m").svg_inline(omitsize=True, border=2)
    return mark_safe(drawing)  # noqa: S308 - segno draws paths only, whatever the address says
