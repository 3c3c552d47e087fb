"""What leaves the house for members after the commit?"""

import uuid

from members.models import Delivery


def send_delivery(*, delivery_uid: str) -> None:
    """Hand a waiting message to the gateway of its channel."""
    Delivery.objects.get(uid=uuid.UUID(delivery_uid))
