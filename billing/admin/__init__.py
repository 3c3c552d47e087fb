"""What do staff see and do about money?"""

from billing.admin import insurance, money

__all__ = ["insurance", "money"]
