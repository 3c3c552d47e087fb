"""How does a form that makes something say that it was sent twice?"""

import uuid

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def idempotency_key() -> SafeString:
    """Put a new key into a form; sent again, it makes nothing new."""
    return format_html('<input type="hidden" name="idempotency_key" value="{}">', uuid.uuid4())
