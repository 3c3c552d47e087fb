"""How is a text that staff enter in two languages read in the active one?"""

from typing import Any

from django.utils.translation import get_language


class Bilingual:
    """Read `<name>_zh` in Chinese where it is filled in, else `<name>_en`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, row: Any, owner: type | None = None) -> Any:
        if row is None:
            return self
        english, chinese = getattr(row, f"{self.name}_en"), getattr(row, f"{self.name}_zh")
        if (get_language() or "").startswith("zh"):
            return chinese or english
        return english or chinese
