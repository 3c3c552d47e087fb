"""What do staff see and do of appointments?"""

from appointments.admin import appointments, desk, leave, moving, waitlist

__all__ = ["appointments", "desk", "leave", "moving", "waitlist"]
