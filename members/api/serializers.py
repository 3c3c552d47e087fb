"""Which bodies do people send and get, about themselves?"""

from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from medbook.api_input import StrictSerializer
from members.choices import PatientState, Relation
from members.forms import MOST_PASSWORD_CHARACTERS, IdentityNumberField, NameField, PhoneField
from members.rules import PRIVILEGE_TYPES


class FormText(serializers.CharField):
    """A text that is read as the field of a form reads it, so that both doors agree."""

    form_field: Any

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": self.form_field.max_length, **options})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Let the form's field judge. Raises: ValidationError."""
        text = super().run_validation(data)
        try:
            return self.form_field.clean(text) if text else text
        except ValidationError as wrong:
            raise serializers.ValidationError(wrong.messages, code=wrong.code) from wrong


class PhoneText(FormText):
    """A phone number in any spelling."""

    form_field = PhoneField()


class NameText(FormText):
    """A person's name."""

    form_field = NameField()


class IdentityNumberText(FormText):
    """A resident identity number of 15 or 18 characters."""

    form_field = IdentityNumberField()


class CredentialsBody(StrictSerializer):
    """What an account signs in with: members by `phone`, staff by `username`."""

    phone = PhoneText(required=False)
    username = serializers.CharField(required=False, max_length=40)
    password = serializers.CharField(max_length=MOST_PASSWORD_CHARACTERS, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for one of the two names. Raises: ValidationError."""
        if ("phone" in attrs) == ("username" in attrs):
            raise serializers.ValidationError(
                {"phone": [_("Send either a phone number or a user name.")]}, code="required"
            )
        return attrs


class RefreshBody(StrictSerializer):
    """A refresh token to exchange."""

    refresh = serializers.CharField(max_length=2000)


class TokenPairSerializer(serializers.Serializer):
    """Both tokens of a sign-in."""

    access = serializers.CharField()
    refresh = serializers.CharField(help_text=_("Good for one exchange."))
    expires_in = serializers.IntegerField(help_text=_("Seconds that the access token is good for."))
    role = serializers.ChoiceField(choices=["MEMBER", "ADMIN"])


class RegisterBody(StrictSerializer):
    """What it takes to become a member."""

    phone = PhoneText()
    password = serializers.CharField(max_length=MOST_PASSWORD_CHARACTERS, trim_whitespace=False)
    name = NameText(max_length=80)
    identity_number = IdentityNumberText(
        required=False, help_text=_("Without it appointments are made at the desk.")
    )

    def validate_password(self, password: str) -> str:
        """Judge the password by the validators in the settings. Raises: ValidationError."""
        try:
            validate_password(password)
        except ValidationError as wrong:
            raise serializers.ValidationError(wrong.messages, code="invalid") from wrong
        return password


class RegisteredSerializer(serializers.Serializer):
    """The same answer to everybody."""

    detail = serializers.CharField()


class TierSerializer(serializers.Serializer):
    """A level of membership."""

    code = serializers.CharField()
    name = serializers.CharField()


class MeSerializer(serializers.Serializer):
    """A member, as told to this member."""

    id = serializers.UUIDField(source="uid")
    number = serializers.CharField()
    phone = serializers.CharField(help_text=_("Masked."))
    email = serializers.CharField(allow_null=True, help_text=_("Masked."))
    language = serializers.ChoiceField(choices=settings.LANGUAGES, source="user.language")
    tier = TierSerializer()
    joined_at = serializers.DateTimeField()
    suspended_until = serializers.DateTimeField(allow_null=True)


class MeBody(StrictSerializer):
    """What a member may change of the account."""

    language = serializers.ChoiceField(choices=settings.LANGUAGES, required=False)
    email = serializers.EmailField(
        max_length=254, required=False, allow_null=True, help_text=_("null takes it away.")
    )


class PrivilegeSerializer(serializers.Serializer):
    """One thing that the member's tier allows."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    type = serializers.ChoiceField(choices=sorted(PRIVILEGE_TYPES))
    value = serializers.SerializerMethodField("written")

    @extend_schema_field({"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]})
    def written(self, row: dict[str, Any]) -> Any:
        """Give numbers with a fraction as text, as money is given."""
        value = row["value"]
        return value if isinstance(value, int) else str(value)


class MyPrivilegesSerializer(serializers.Serializer):
    """All that the member's tier allows now."""

    tier = TierSerializer()
    privileges = PrivilegeSerializer(many=True)


class PatientSerializer(serializers.Serializer):
    """Somebody for whom the member may book. Of documents only a mask is told."""

    id = serializers.UUIDField(source="patient.uid")
    name = serializers.SerializerMethodField()
    relation = serializers.ChoiceField(choices=Relation.choices)
    identity_number = serializers.SerializerMethodField(help_text=_("Masked."))
    has_identity = serializers.BooleanField(source="patient.has_identity")
    state = serializers.ChoiceField(choices=PatientState.choices, source="patient.state")

    def get_name(self, link: Any) -> str:
        """Open the name, which the member has given."""
        return link.patient.name.reveal() if link.patient.name else ""

    def get_identity_number(self, link: Any) -> str | None:
        """Mask the number."""
        number = link.patient.identity_number
        return str(number) if number else None
