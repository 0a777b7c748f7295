"""Labels in a CSV: class names in a column, or a column of 0 and 1 for each class."""

from dataclasses import replace
from pathlib import Path

from auxseg.datasets.class_names import BARS, BLANKS, names_in, separator_of
from auxseg.datasets.tables import Row, header_of, read_csv
from auxseg.errors import UserError, listing
from auxseg.project.labelled import Labelled, Labels

_VALUES = {
    **dict.fromkeys(("1", "1.0", "true", "yes"), True),
    **dict.fromkeys(("0", "0.0", "false", "no", ""), False),
}
_HEADERS = (
    "'image,labels' (all names in a cell, separated by ';' or ','), 'image,label' (a row for each "
    "name) or 'image,CLASS,CLASS,...' (0 or 1 for each class), each with or without ',split'"
)
_OURS = ("image", "split", "labels", "label")
_IMAGE_TOO = ("filename", "file", "photo")
_NAMES_TOO = {"classes": "labels", "tags": "labels", "class": "label", "tag": "label"}
"""What others call the columns."""


def read_label_table(path: Path) -> Labels:
    """Read a CSV, whose header tells its format.

    Raises:
        UserError: unreadable, or of no format that is known.
    """
    header = header_of(path)
    columns = [name.lower() for name in header]
    known = _as_ours(columns)
    if "image" not in known or not set(known) - {"image", "split"}:
        raise _unknown_format(path, header)
    if faults := _column_faults(path, known):
        raise listing(faults, "the labels cannot be read")
    rows, torn = read_csv(path, columns)
    rows = [replace(row, cells=dict(zip(known, row.cells.values(), strict=True))) for row in rows]
    if named := [name for name in known if name in ("labels", "label")]:
        if len(named) > 1:
            both = [head for head, own in zip(header, known, strict=True) if own in named]
            raise UserError(
                f"{path} line 1: columns {' and '.join(map(repr, both))} both name classes; remove "
                f"all but one."
            )
        others = [name for name, own in zip(header, known, strict=True) if own not in _OURS]
        return _by_name(path, rows, named[0], others, torn)
    return _by_column(path, rows, dict(zip(known, header, strict=True)), torn)


def _as_ours(columns: list[str]) -> list[str]:
    """The columns as we call them; one that may be a class of its own stays."""
    image = next((name for name in _IMAGE_TOO if name in columns), "")
    if "image" not in columns:
        columns = ["image" if name == image else name for name in columns]
    others = [name for name in columns if name not in ("image", "split")]
    same = _NAMES_TOO if len(others) == 1 else {"classes": "labels"}
    return [same.get(name, name) for name in columns]


def _column_faults(path: Path, columns: list[str]) -> list[str]:
    faults = []
    for number, name in enumerate(columns):
        if not name:
            faults.append(f"{path} line 1: column {number + 1} has no name; name or remove it.")
        elif name in columns[:number]:
            faults.append(
                f"{path} line 1: column {name!r} stands there twice, capitals aside; remove one."
            )
    return faults


def _by_name(
    path: Path, rows: list[Row], column: str, unknown: list[str], torn: list[str]
) -> Labels:
    """Class names in a column; under `label` one in a cell, whatever blanks it holds."""
    cells = (row.cells[column] for row in rows)
    separator = BARS if column == "label" else separator_of(cells)
    faults = [f"{path} line 1: unknown column {name!r}; remove it." for name in unknown]
    labelled = [_labelled(path, row, names_in(row.cells[column], separator)) for row in rows]
    has_several = any(len(row.classes) > 1 for row in labelled)
    blanks = ", separated by blanks" if separator == BLANKS and has_several else ""
    return Labels(
        source=str(path),
        format=f"class names in column '{column}'{blanks}; rows of the same photograph add up",
        rows=tuple(labelled),
        classes=frozenset(name for row in labelled for name in row.classes),
        faults=(*faults, *torn),
    )


def _by_column(path: Path, rows: list[Row], header: dict[str, str], torn: list[str]) -> Labels:
    """A column of 0 and 1 for each class; the header as ours and as it is written."""
    classes = {column: name for column, name in header.items() if column not in _OURS}
    faults = []
    for column, name in classes.items():
        odd = [row for row in rows if row.cells[column].lower() not in _VALUES]
        if odd:
            faults.append(
                f"{path} line {odd[0].line}: column {name!r} holds {odd[0].cells[column]!r}, where "
                f"a class has 0 or 1; mend it, or remove the column if it is no class."
            )
    if len(faults) == len(classes):
        raise UserError(f"{_unknown_format(path, list(header.values()))} As classes: {faults[0]}")
    labelled = [
        _labelled(path, row, [n for c, n in classes.items() if _VALUES.get(row.cells[c].lower())])
        for row in rows
    ]
    return Labels(
        source=str(path),
        format="a column of 0 and 1 for each class",
        rows=tuple(labelled),
        classes=frozenset(classes.values()),
        faults=(*faults, *torn),
    )


def _labelled(path: Path, row: Row, names: list[str]) -> Labelled:
    place = f"{path} line {row.line}"
    return Labelled(place, row.cells["image"], tuple(names), row.cells.get("split", ""))


def _unknown_format(path: Path, header: list[str]) -> UserError:
    found = ",".join(header) or "nothing"
    return UserError(f"{path} line 1: the header is '{found}', but must be {_HEADERS}.")
