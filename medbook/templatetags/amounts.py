"""How are money and points written on a page?"""

from decimal import Decimal

from django import template

from medbook import money

register = template.Library()


@register.filter
def price(amount: Decimal, currency: str = "CNY") -> str:
    """Write an amount with its sign; whole amounts without decimals: "¥162"."""
    return money.shown(amount, currency)


@register.filter
def exact(amount: Decimal, currency: str = "CNY") -> str:
    """Write an amount to the cent, so that amounts under each other line up: "¥162.00"."""
    text = money.shown(money.rounded(amount), currency)
    sign = money.SYMBOLS.get(currency, "")
    number = text.removeprefix(sign).removesuffix(f" {currency}")
    return text if "." in number else text.replace(number, f"{number}.00")


@register.filter
def signed(number: int) -> str:
    """Write a number with the sign of its direction: "+162", "−50"."""
    return f"+{number:,}" if number > 0 else f"−{-number:,}"


@register.filter
def grouped(number: int) -> str:
    """Write a number in groups of three digits: "3,386", "−20"."""
    return f"{number:,}".replace("-", "−")
