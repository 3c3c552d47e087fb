"""Who asks, from where, through which door, under which request id?"""

import ipaddress
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from typing import Any

import structlog
from celery import signals
from django.conf import settings

HEADER = "medbook_context"
_SAFE_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


@dataclass(frozen=True)
class RequestContext:
    """What every record of an act says about its circumstances."""

    request_id: str = ""
    channel: str = "command"
    ip: str | None = None
    user_agent: str = ""
    actor_type: str = "system"
    actor_uid: str | None = None
    actor_role: str = ""


_NOBODY = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("request_context", default=_NOBODY)


def current() -> RequestContext:
    """Tell the circumstances of the work at hand."""
    return _current.get()


@contextmanager
def entered(context: RequestContext) -> Iterator[RequestContext]:
    """Work under the given circumstances; log lines carry the request id."""
    token = _current.set(context)
    try:
        with structlog.contextvars.bound_contextvars(
            request_id=context.request_id, channel=context.channel
        ):
            yield context
    finally:
        _current.reset(token)


def identify(*, actor_type: str, actor_uid: str | None, actor_role: str = "") -> None:
    """Add who asks, once known."""
    _current.set(
        replace(current(), actor_type=actor_type, actor_uid=actor_uid, actor_role=actor_role)
    )


def request_id_from(header: str | None) -> str:
    """Keep a caller's request id if it is harmless, else make one."""
    return header if header and _SAFE_ID.fullmatch(header) else str(uuid.uuid4())


def client_ip(meta: Mapping[str, Any], trusted_proxies: int | None = None) -> str | None:
    """Tell the client's address: X-Forwarded-For counted from the right by trusted proxies.

    With no trusted proxy the header is ignored; garbage falls back to the peer.
    """
    count = settings.TRUSTED_PROXY_COUNT if trusted_proxies is None else trusted_proxies
    peer = _address(str(meta.get("REMOTE_ADDR", "")))
    if count == 0:
        return peer
    chain = [part.strip() for part in str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")]
    if len(chain) < count:
        return peer
    return _address(chain[-count]) or peer


def network_of(ip: str | None) -> str:
    """Tell the network that limits are counted by: /24 of IPv4, /64 of IPv6."""
    if not ip:
        return "unknown"
    prefix = 24 if ipaddress.ip_address(ip).version == 4 else 64
    return str(ipaddress.ip_network(f"{ip}/{prefix}", strict=False))


def _address(text: str) -> str | None:
    bracketed = re.fullmatch(r"\[(.+)\](?::\d+)?", text)
    with_port = re.fullmatch(r"(\d+\.\d+\.\d+\.\d+):\d+", text)
    bare = bracketed or with_port
    try:
        address = ipaddress.ip_address(bare.group(1) if bare else text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # Without the zone, which may say anything and which no database column takes.
        address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return str(address)


@signals.before_task_publish.connect
def send_along(headers: dict[str, Any], **kwargs: Any) -> None:
    """Give a task the circumstances that caused it."""
    headers[HEADER] = asdict(current())


@signals.task_prerun.connect
def take_up(task: Any, **kwargs: Any) -> None:
    """Let a task work under the circumstances that caused it."""
    sent = getattr(task.request, HEADER, None) or {}
    context = RequestContext(**{**sent, "channel": "task"})
    _current.set(context if context.request_id else replace(context, request_id=task.request.id))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=current().request_id, task=task.name)


@signals.task_postrun.connect
def put_down(**kwargs: Any) -> None:
    """Forget the circumstances of a task that is over."""
    _current.set(RequestContext())
    structlog.contextvars.clear_contextvars()
