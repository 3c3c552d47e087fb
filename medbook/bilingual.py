"""How is a text that staff enter in two languages read in the active one?"""

from typing import Self, overload

from django.utils.translation import get_language


class Bilingual:
    """Read `<name>_zh` in Chinese where it is filled in, else `<name>_en`."""

    def __init__(self, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, row: None, owner: type) -> Self: ...
    @overload
    def __get__(self, row: object, owner: type | None = None) -> str: ...
    def __get__(self, row: object, owner: type | None = None) -> Self | str:
        if row is None:
            return self
        english: str
        chinese: str
        english, chinese = getattr(row, f"{self.name}_en"), getattr(row, f"{self.name}_zh")
        if (get_language() or "").startswith("zh"):
            return chinese or english
        return english or chinese
