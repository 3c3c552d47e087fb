"""How do gateways tell us what became of money?"""

import structlog
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing.gateways.base import Forged, Notification
from billing.gateways.registry import enabled, gateway_of
from billing.services.payments import take_in_notification
from medbook import clock
from medbook.audit.choices import Action, Outcome
from medbook.audit.services import record_event

log = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
@never_cache
def gateway_notification(request: HttpRequest, gateway: str) -> HttpResponse:
    """Take in a signed notification; what nobody has signed is refused, and noted once a minute.

    The operation log cannot be shortened, so nobody may fill it from outside.
    """
    if gateway not in enabled():
        raise Http404
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        take_in_notification(
            gateway=gateway,
            notification=Notification(headers, request.body),
            now=clock.now(),
        )
    except Forged:
        log.warning("notification.forged", gateway=gateway)
        if cache.add(f"notification_forged:{gateway}", True, timeout=60):
            record_event(
                Action.NOTIFICATION_FORGED, outcome=Outcome.DENIED, facts={"gateway": gateway}
            )
        return HttpResponse(_("Not signed by this gateway."), status=400, content_type="text/plain")
    answer = gateway_of(gateway).acknowledge()
    return HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)
