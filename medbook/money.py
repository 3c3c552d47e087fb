"""How is money rounded and shown?"""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
SYMBOLS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£"}


def rounded(amount: Decimal) -> Decimal:
    """Round to two places, half up."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def shown(amount: Decimal, currency: str) -> str:
    """Show an amount with its sign; whole amounts without decimals."""
    sign = "−" if amount < 0 else ""
    number = f"{abs(amount):,.2f}".removesuffix(".00")
    symbol = SYMBOLS.get(currency)
    return f"{sign}{symbol}{number}" if symbol else f"{sign}{number} {currency}"
