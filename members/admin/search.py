"""How does staff find a person by what they say of themselves?"""

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from medbook.admin_site import MedBookAdminSite
from members.selectors.people import signed_in
from members.services.patients import search_people


class SearchForm(forms.Form):
    """Ask whom staff is looking for."""

    looked_for = forms.CharField(
        label=_("Phone number, its last four digits, member number, name or document number"),
        help_text=_("Names and numbers in full; or a surname with the last four digits."),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True, "type": "search"}),
    )


@never_cache
def member_search(request: HttpRequest) -> HttpResponse:
    """Find people by what they say of themselves; asked by POST, so that no address holds it."""
    form = SearchForm(request.POST or None)
    found = None
    if form.is_valid():
        found = search_people(text=form.cleaned_data["looked_for"], by=signed_in(request.user))
    context = {
        **admin.site.each_context(request),
        "title": _("Find a member or patient"),
        "form": form,
        "found": found,
    }
    return TemplateResponse(request, "admin/members/search.html", context)


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "member-search/",
        member_search,
        name="member_search",
        title=_("Find a member or patient"),
        permission="members.view_member",
    )
