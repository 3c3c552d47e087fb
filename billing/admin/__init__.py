"""What do staff see and do about money?"""

from billing.admin import insurance, money, refunds, settlements

__all__ = ["insurance", "money", "refunds", "settlements"]
