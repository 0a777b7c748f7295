"""Class names in the cells of labels.csv: how they are separated, read and written."""

import re
from collections.abc import Iterable, Sequence

from auxseg.datasets.accents import composed

BARS = re.compile(r"\s*[;|]\s*")
_COMMAS = re.compile(r"\s*,\s*")
BLANKS = re.compile(r"\s+")


def separator_of(cells: Iterable[str]) -> re.Pattern[str]:
    """What separates a table's names: ';' and '|', commas where no cell holds these, or blanks."""
    cells = list(cells)
    for separator in (BARS, _COMMAS):
        if any(separator.search(cell) for cell in cells):
            return separator
    return BLANKS


def names_in(cell: str, separator: re.Pattern[str]) -> list[str]:
    """The names of one cell, their accents composed."""
    return [name for name in separator.split(composed(cell)) if name]


def cell_of(names: Sequence[str]) -> str:
    """The cell that is read as these names, whatever the table's other cells hold."""
    torn = len(names) == 1 and (BLANKS.search(names[0]) or _COMMAS.search(names[0]))
    return ";".join(names) + (";" if torn else "")


def alike(table: str, classes: Iterable[str]) -> list[str]:
    """A sentence for each two names that differ in capitals alone: one of them is a slip."""
    first: dict[str, str] = {}
    return [
        f"{table}: classes {other!r} and {name!r} differ in capitals alone; write one of them."
        for name in classes
        if (other := first.setdefault(name.casefold(), name)) != name
    ]
