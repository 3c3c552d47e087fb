"""How does the API document say every answer that an operation can give?"""

from drf_spectacular.openapi import AutoSchema


class TrueSchema(AutoSchema):
    """Describe every operation with the errors that it can answer."""
