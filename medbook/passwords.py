"""What does MedBook say of a password that is too weak?"""

from django.contrib.auth import password_validation
from django.utils.translation import gettext, ngettext


class LongEnough(password_validation.MinimumLengthValidator):
    """Refuse short passwords."""

    def get_error_message(self) -> str:
        """Say that it is too short, and how many characters are needed."""
        return ngettext(
            "This password is too short; it needs at least %(count)d character.",
            "This password is too short; it needs at least %(count)d characters.",
            self.min_length,
        ) % {"count": self.min_length}

    def get_help_text(self) -> str:
        """Say how many characters are needed."""
        return ngettext(
            "At least %(count)d character.", "At least %(count)d characters.", self.min_length
        ) % {"count": self.min_length}


class NotCommon(password_validation.CommonPasswordValidator):
    """Refuse passwords that many people have."""

    def get_error_message(self) -> str:
        """Say that it would be guessed."""
        return gettext("This password is too common.")

    def get_help_text(self) -> str:
        """Say what will be refused."""
        return gettext("Not one that many people use.")
