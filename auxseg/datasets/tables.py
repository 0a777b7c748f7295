"""What the data sets' label tables and lists have in common."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auxseg.datasets.accents import composed
from auxseg.errors import UserError, did_you_mean

_OTHER_FILES = {
    b"PK\x03\x04": "a workbook or another archive; save it as UTF-8 text, a table as CSV.",
    b"\xd0\xcf\x11\xe0": "an old workbook; save it as UTF-8 text, a table as CSV.",
    b"\xff\xfe": "UTF-16; save the file as UTF-8 text.",
    b"\xfe\xff": "UTF-16; save the file as UTF-8 text.",
}
"""By their first bytes."""


@dataclass(frozen=True)
class Row:
    """One row of a CSV: its line in the file, and its cells by column, stripped."""

    line: int
    cells: dict[str, str]


def read_csv(
    path: Path, needed: Sequence[str], optional: Sequence[str] = ()
) -> tuple[list[Row], list[str]]:
    """Read a CSV with a header; UTF-8, with or without a byte order mark.

    Args:
        path: the file.
        needed: columns that must be there, in any order.
        optional: columns that may be there.

    Returns:
        its rows, and a sentence for each row whose number of cells is not the header's.

    Raises:
        UserError: no such file, not UTF-8, or another header.
    """
    lines = _lines(path)
    header = [name.lower() for name in _header(lines)]
    if not set(needed) <= set(header) <= {*needed, *optional}:
        wanted = " or ".join(f"'{','.join(names)}'" for names in _headers(needed, optional))
        found = ",".join(header) or "nothing"
        raise UserError(f"{path} line 1: the header must be {wanted}, but is '{found}'.")
    if len(set(header)) < len(header):
        raise UserError(f"{path} line 1: '{','.join(header)}' names a column twice; join the two.")
    rows, faults = [], []
    for number, cells in lines[1:]:
        if len(cells) == len(header):
            texts = (cell.strip() for cell in cells)
            rows.append(Row(number, dict(zip(header, texts, strict=True))))
        elif any(cell.strip() for cell in cells):
            faults.append(
                f"{path} line {number}: {len(cells)} cells where the header has {len(header)}; "
                f"separate columns by commas and quote texts that hold one."
            )
    return rows, faults


def header_of(path: Path) -> list[str]:
    """The names in a CSV's first line, as they are written there but for their accents, composed.

    None of an empty file.

    Raises:
        UserError: no such file, not UTF-8, or not CSV.
    """
    return _header(_lines(path))


def read_list(path: Path) -> list[tuple[int, str]]:
    """(line, first word) of every line of a text file that holds one.

    Raises:
        UserError: no such file, or not UTF-8.
    """
    words = [(number, line.split()) for number, line in enumerate(read_text(path).splitlines(), 1)]
    return [(number, found[0]) for number, found in words if found]


def read_text(path: Path) -> str:
    """The text of a file; UTF-8, with or without a byte order mark.

    Raises:
        UserError: no such file, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file{_neighbours(path)}.") from None
    except UnicodeDecodeError as error:
        told = next((v for k, v in _OTHER_FILES.items() if error.object.startswith(k)), None)
        unknown = f"byte {error.start} is not UTF-8; save the file as UTF-8 text."
        raise UserError(f"{path}: {told or unknown}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None


def repeated_ids(path: Path, table: str, entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """A sentence for each id that several entries of a COCO file's table have."""
    counts = Counter(entry["id"] for entry in entries)
    return [
        f"{path}: several {table} have the id {i!r}; give each its own, or remove all but one."
        for i, count in counts.items()
        if count > 1
    ]


def unknown_class(name: str, known: Sequence[str]) -> str:
    """`unknown class 'hrose' (did you mean 'horse'?)`, or all that are known if none is near."""
    hint = did_you_mean(name, known) or f"; known are {', '.join(known)}"
    return f"unknown class {name!r}{hint}"


def _headers(needed: Sequence[str], optional: Sequence[str]) -> list[list[str]]:
    return [[*needed, *optional[:count]] for count in range(len(optional) + 1)]


def _header(lines: list[tuple[int, list[str]]]) -> list[str]:
    return [composed(name.strip()) for name in lines[0][1]] if lines else []


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """(line, cells) of every row of a CSV; tabs or ';' separate where the header has no comma."""
    text = read_text(path)
    header = text.partition("\n")[0]
    separator = next((mark for mark in ",\t;" if mark in header), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise UserError(
            f"{path} line {reader.line_num}: not CSV ({error}); save it as comma-separated text."
        ) from None


def _neighbours(path: Path) -> str:
    """Which files of the same kind stand beside a missing one."""
    names = sorted(found.name for found in path.parent.glob(f"*{path.suffix}"))
    return f"; beside it: {', '.join(names[:8])}" if names else ""
