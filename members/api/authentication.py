"""Who calls the API?"""

from rest_framework_simplejwt.authentication import JWTAuthentication


class TokenAuthentication(JWTAuthentication):
    """Know a caller by an access token, and by nothing else."""

    www_authenticate_realm = "medbook"
