"""Where is the API described, for programs and for people?"""

from csp.constants import SELF
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_page
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularAPIView

# It takes a second to write, and changes with the program only.
schema = cache_page(3600, cache="process")(SpectacularAPIView.as_view())


@require_safe
@csp_update({"img-src": [SELF, "data:"]})  # icons in its styles
def docs(request: HttpRequest) -> HttpResponse:
    """Show the document so that it can be read and tried."""
    return render(request, "api/docs.html")
