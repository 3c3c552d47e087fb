"""What do staff see and do of appointments?"""

from appointments.admin import appointments, desk

__all__ = ["appointments", "desk"]
