"""Which API tells what a member was told?"""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from medbook import clock
from medbook.api_input import NoBody, PageQuery
from medbook.endpoints import Endpoint
from members.api.permissions import IsMember, calling_member
from members.models import Notification
from members.selectors.messages import inbox, told
from members.selectors.wording import message_kinds
from members.services.inbox import read_notification


class NotificationSerializer(serializers.Serializer):
    """One message, in the caller's language."""

    id = serializers.UUIDField(source="notification.uid")
    kind = serializers.CharField(source="notification.kind")
    title = serializers.CharField(source="words.title")
    text = serializers.CharField(source="words.text")
    path = serializers.CharField(
        source="notification.path",
        help_text=_("The page that helps, below the language; empty where there is none."),
    )
    created_at = serializers.DateTimeField(source="notification.created_at")
    read_at = serializers.DateTimeField(source="notification.read_at", allow_null=True)


class NotificationQuery(PageQuery):
    """Which messages are asked for."""

    unread = serializers.BooleanField(
        required=False,
        default=None,
        allow_null=True,
        help_text=_("Only unread, or only read ones."),
    )
    kind = serializers.CharField(required=False, max_length=40)


class MyNotifications(Endpoint):
    """What the caller was told."""

    permission_classes = (IsMember,)
    query = NotificationQuery
    ordering = ("-created_at", "-uid")
    serializer_class = NotificationSerializer

    @extend_schema(
        operation_id="my_notifications", responses={200: NotificationSerializer(many=True)}
    )
    def get(self, request: Request) -> Response:
        """List the caller's messages, the newest first."""
        return self.paged(self._asked_for(inbox(calling_member(request))), told)

    def _asked_for(self, rows: QuerySet[Notification]) -> QuerySet[Notification]:
        kind = self.asked.get("kind")
        if kind is not None:
            rows = rows.filter(kind=kind) if kind in message_kinds() else rows.none()
        unread = self.asked.get("unread")
        return rows if unread is None else rows.filter(read_at__isnull=unread)


class ReadNotification(Endpoint):
    """Whether one message was read."""

    permission_classes = (IsMember,)

    @extend_schema(
        operation_id="read_notification", request=NoBody, responses={200: NotificationSerializer}
    )
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Note that the caller has read a message; the first time counts."""
        self.said(NoBody)
        notification = read_notification(
            member=calling_member(request), notification_uid=uid, now=clock.now()
        )
        [said] = told([notification])
        data: Any = NotificationSerializer(said).data
        return Response(data)
