"""Where are the accounts of staff and their roles?"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.admin_actions import ActingAdmin, ReasonForm, confirmed_action
from medbook.errors import NotAllowed
from members.choices import Role
from members.models import User
from members.selectors.people import signed_in
from members.services.roles import note_role_change
from members.services.second_factor import take_away_factors

Answers = Mapping[str, Any]


class RolesField(forms.ModelMultipleChoiceField):
    """Groups of staff by the names of their roles."""

    def label_from_instance(self, obj: Group) -> str:
        """Name the role."""
        return _role_name(obj)


class RoleFilter(admin.RelatedFieldListFilter):
    """Staff by the names of their roles."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: Any
    ) -> list[tuple[str, Any]]:
        """Name the roles."""
        return [(str(group.pk), _role_name(group)) for group in Group.objects.order_by("name")]


admin.site.unregister(Group)  # what a role may do is written in services/roles.py


@admin.register(User)
class StaffAdmin(ActingAdmin, UserAdmin):
    """Accounts of staff and their roles; members' accounts are looked after by members' pages."""

    list_display = ("username", "display_name", "roles", "has_factor", "is_active", "last_login")
    list_filter = ("is_active", ("groups", RoleFilter))
    actions = ("take_away_factor",)
    search_fields = ("username", "display_name")
    ordering = ("username",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("display_name", "email", "language")}),
        (_("Roles"), {"fields": ("is_active", "groups")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "display_name", "password1", "password2")}),)

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str:
        """List the groups."""
        return " · ".join(sorted(_role_name(group) for group in user.groups.all()))

    @admin.display(description=_("second factor"), boolean=True)
    def has_factor(self, user: User) -> bool:
        """Tell who has set up a second factor."""
        return bool(user.second_factors.all())

    @confirmed_action(
        _("Take away the second factor"),
        permission="members.take_away_second_factor",
        explanation=_("For a lost phone, once you know who asks. All sign-ins of the account end."),
        form=ReasonForm,
    )
    def take_away_factor(self, request: HttpRequest, user: User, answers: Answers) -> None:
        """Let somebody begin anew with the password alone."""
        if not self.has_change_permission(request, user):
            raise NotAllowed()
        take_away_factors(
            user_uid=user.uid,
            reason=answers["reason"],
            by=signed_in(request.user),
            now=clock.now(),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Leave out members."""
        staff = super().get_queryset(request).filter(member=None)
        return staff.prefetch_related("groups", "second_factors")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Show the roles as boxes to tick."""
        if db_field.name == "groups":
            kwargs |= {"form_class": RolesField, "widget": forms.CheckboxSelectMultiple()}
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep administrators from taking over an account above theirs."""
        is_above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not is_above

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep accounts: the operation log speaks of them. They are switched off instead."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Make new accounts staff; switched off or on, an account starts with no token."""
        if not change:
            obj.is_staff = True
        elif "is_active" in form.changed_data:
            obj.token_version += 1
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Note changed roles."""
        user, by = form.instance, request.user
        before = _names_of_groups(user)
        super().save_related(request, form, formsets, change)
        after = _names_of_groups(user)
        if before != after and isinstance(by, User):
            note_role_change(user=user, before=before, after=after, by=by, now=clock.now())


def _role_name(group: Group) -> str:
    return str(Role(group.name).label) if group.name in Role.values else group.name


def _names_of_groups(user: User) -> list[str]:
    return sorted(Group.objects.filter(user=user).values_list("name", flat=True))
