"""What do staff see and do of appointments?"""

from appointments.admin import appointments

__all__ = ["appointments"]
