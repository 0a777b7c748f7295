"""The figures of a run as tables: read as text, so that what is shown is what was written."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pandas as pd

from auxseg.errors import UserError

SETTINGS = ["scales", "flip", "crf"]
NOTHING = "-"
SINGLE_SCALE = "single scale"
SUBJECTS = {
    "predictions": "Predictions",
    "pseudo masks": "Pseudo masks, classes known",
    "labels": "Pseudo labels",
    "saliency": "Saliency",
}
_METRICS = {
    "precision": "precision",
    "recall": "recall",
    "miou": "mIoU",
    "ignored": "ignored",
    "mae": "MAE",
    "max_f": "max-F",
    "s_measure": "S-measure",
    "iou": "IoU",
}
_PERCENT = {"labels", "predictions", "pseudo masks"}


@dataclass(frozen=True)
class Figure:
    """One number with all that it holds for.

    Attributes:
        percent: with one decimal, as text.
        variant: how it was predicted, in words.
        scales: of the image, separated by commas.
    """

    percent: str
    round: int
    split: str
    variant: str
    scales: str
    images: str


@dataclass(frozen=True)
class Group:
    """Neighbouring columns of the table by round that share a subject and a split."""

    title: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class RoundTable:
    """The table by round: `rows` are (round, cells), `NOTHING` in a cell without a figure."""

    groups: tuple[Group, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def first(self) -> set[int]:
        """The columns with which groups begin."""
        return set(accumulate((len(group.columns) for group in self.groups), initial=0))


def read_text_table(path: Path) -> pd.DataFrame:
    """A CSV with every cell as it stands in the file.

    Raises:
        UserError: no such file, or not a table.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such table; run the stage that writes it first.")
    content = path.read_bytes()
    try:
        if content.endswith(b"\n"):  # else it is cut off
            return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    except ValueError:  # pandas has a class of its own for each way of being no table
        pass
    raise UserError(
        f"{path}: not a CSV table, or a damaged one; delete the file and run the stage that "
        f"writes it."
    )


def gather(rounds: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """The tables of all rounds as one, with a first column `round`."""
    numbered = [frame.assign(round=str(number)) for number, frame in sorted(rounds.items())]
    table = pd.concat(numbered, ignore_index=True)
    return table[["round", *(name for name in table.columns if name != "round")]]


def variant_name(scales: str, flip: str, crf: str) -> str:
    """How a prediction was made, in words; empty for what was not predicted."""
    if not scales:
        return ""
    if len(scales.split()) > 1:
        name = "multi-scale"
    else:
        name = SINGLE_SCALE if float(scales) == 1 else f"scale {scales}"
    name += " + flip" if _is_true(flip) else ""
    return name + " + CRF" if _is_true(crf) else name


def with_variants(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `variant` in words."""
    names = [variant_name(*row) for row in table[SETTINGS].itertuples(index=False)]
    return table.assign(variant=names)


def final_miou(table: pd.DataFrame) -> Figure | None:
    """The last round's mIoU of its last variant; None where nothing could be scored."""
    is_told = (table["subject"] == "predictions") & (table["metric"] == "miou")
    scored = with_variants(table[is_told & (table["value"] != "")])
    if scored.empty:
        return None
    row = scored.iloc[-1]
    return Figure(
        percent=percent(row["value"]),
        round=int(row["round"]),
        split=row["split"],
        variant=row["variant"],
        scales=", ".join(row["scales"].split()),
        images=row["images"],
    )


def by_round(table: pd.DataFrame, rounds: Iterable[int]) -> RoundTable:
    """One row a round, one column a metric of a subject, split and variant."""
    table = with_variants(table)
    keys = ["subject", "split", "variant", "metric"]
    columns = list(dict.fromkeys(table[keys].itertuples(index=False, name=None)))
    columns.sort(key=lambda column: (list(SUBJECTS).index(column[0]), column[1]))
    values = {(int(row["round"]), *(row[key] for key in keys)): row for _, row in table.iterrows()}
    images = {(row["subject"], row["split"]): row["images"] for _, row in table.iterrows()}
    groups = [
        Group(
            f"{SUBJECTS[subject]}, {split} ({images[subject, split]} images)"
            + (", %" if subject in _PERCENT else ""),
            tuple(_column_name(c) for c in columns if c[:2] == (subject, split)),
        )
        for subject, split in dict.fromkeys(column[:2] for column in columns)
    ]
    rows = [
        (r, tuple(_cell(values[r, *c]) if (r, *c) in values else NOTHING for c in columns))
        for r in rounds
    ]
    return RoundTable(tuple(groups), tuple(rows))


def plain_text(figures: pd.DataFrame) -> str:
    """The figures by round for a terminal: groups of columns one below the other.

    Args:
        figures: of all rounds, as `gather` leaves them.
    """
    table = by_round(figures, sorted(figures["round"].astype(int).unique()))
    lines = []
    start = 0
    for group in table.groups:
        end = start + len(group.columns)
        lines += [group.title, "  ".join(["round", *group.columns])]
        for number, cells in table.rows:
            if set(cells[start:end]) == {NOTHING}:  # after the last round: labels, no network
                continue
            pairs = zip(cells[start:end], group.columns, strict=True)
            lines.append("  ".join([f"{number:5}", *(c.rjust(len(name)) for c, name in pairs)]))
        lines.append("")
        start = end
    return "\n".join(lines) or "No figures: the data set has no masks to compare with."


def last_of_each_subject(table: pd.DataFrame) -> pd.DataFrame:
    """Per-class rows of the last round of labels, and of the last variant of predictions."""
    kept = []
    for _, rows in with_variants(table).groupby("subject", sort=False):
        last = rows.iloc[-1]
        kept.append(rows[(rows["round"] == last["round"]) & (rows["variant"] == last["variant"])])
    return pd.concat(kept, ignore_index=True) if kept else with_variants(table)


def by_class(table: pd.DataFrame) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Column names, and (class, IoU of each subject in percent).

    Args:
        table: per-class rows as `last_of_each_subject` leaves them.
    """
    columns: dict[str, dict[str, str]] = {}
    for subject, rows in table.groupby("subject", sort=False):
        first = rows.iloc[0]
        name = f"{SUBJECTS[str(subject)].lower()} {first['round']}, {first['split']}"
        name += f", {first['variant']}" if first["variant"] else ""
        columns[name] = dict(zip(rows["class"], rows["iou"], strict=True))
    classes = dict.fromkeys(table["class"])
    cells = [(c, [percent(column.get(c, "")) for column in columns.values()]) for c in classes]
    return list(columns), cells


def percent(value: str) -> str:
    """A fraction as percent with one decimal; `NOTHING` where there is no number."""
    return f"{100 * float(value):.1f}" if value else NOTHING


def markdown(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    header = list(header)
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))


def _cell(row: pd.Series) -> str:
    if row["subject"] in _PERCENT:
        return percent(row["value"])
    return f"{float(row['value']):.3f}" if row["value"] else NOTHING


def _column_name(column: tuple[str, ...]) -> str:
    _, _, variant, metric = column
    name = _METRICS.get(metric, metric)
    return f"{name}, {variant}" if variant else name


def _is_true(cell: str) -> bool:
    return cell.lower() in ("true", "1")
