"""Which request is this, so that staff can find it in the log?"""

from django import template

from medbook import request_context

register = template.Library()


@register.simple_tag
def request_id() -> str:
    """Tell the id of the request being answered; it is safe to read aloud."""
    return request_context.current().request_id
