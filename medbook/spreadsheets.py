"""How does a text leave for a spreadsheet without being taken for a formula?"""

BYTE_ORDER_MARK = "\ufeff"  # without it, Excel reads Chinese as Latin letters
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def plain_cell(value: object) -> str:
    """Write a cell so that no spreadsheet takes a text for a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def read_cell(text: str) -> str:
    """Read back what `plain_cell` wrote."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_SIGNS) else text
