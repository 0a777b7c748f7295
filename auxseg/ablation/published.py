"""The paper's Tables 3 to 5, beside what a run's networks reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from auxseg.ablation.repeated import mious, repeated, with_deviation
from auxseg.report import tables
from auxseg.report.tables import SINGLE_SCALE


@dataclass(frozen=True)
class Row:
    """A line of the paper's Tables 3 to 5.

    Attributes:
        table: what it compares.
        name: the line's own.
        variant: of `VARIANTS`.
        round: whose network.
        published: mIoU on VOC 2012 val, percent, single scale, without CRF.
    """

    table: str
    name: str
    variant: str
    round: int
    published: float


ROWS = (
    Row("branches", "segmentation", "seg", 0, 56.9),
    Row("branches", "+ classification", "seg-cls", 0, 57.6),
    Row("branches", "+ saliency", "seg-sal", 0, 59.8),
    Row("branches", "+ classification + saliency", "all", 0, 60.8),
    Row("affinity", "none", "all", 0, 60.8),
    Row("affinity", "segmentation's, on segmentation", "seg-affinity", 0, 61.5),
    Row("affinity", "cross-task, on segmentation", "cross-task-seg", 0, 62.6),
    Row("affinity", "cross-task, on both", "cross-task", 0, 64.1),
    *(
        Row("rounds", str(number), "cross-task", number, published)
        for number, published in enumerate((64.1, 65.6, 66.0, 66.1, 66.1))
    ),
)


def compared() -> list[str]:
    """The networks of the paper's tables, in their order."""
    return list(dict.fromkeys(row.variant for row in ROWS))


def ablation_table(folder: Path, seeds: Sequence[int], rounds: int) -> pd.DataFrame:
    """Figures (mIoU, percent) of every row: mean, deviation, each seed's, and the published one.

    Args:
        folder: with {variant}/{seed}/round{round}/metrics.csv.
        seeds: of the repetitions.
        rounds: of the run; later rows of table `rounds` are left out.

    Raises:
        UserError: a metrics.csv is missing.
    """
    lines = []
    for row in (row for row in ROWS if row.round < rounds):
        folders = [folder / row.variant / str(seed) / f"round{row.round}" for seed in seeds]
        figures = [mious(each).get(("predictions", SINGLE_SCALE)) for each in folders]
        named = {"table": row.table, "row": row.name, "published": row.published}
        lines.append({**named, **repeated(figures, seeds)})
    return pd.DataFrame(lines)


def markdown(table: pd.DataFrame) -> str:
    """The table for people: mean +- deviation beside the published figure, one block a table."""
    blocks = []
    for name, rows in table.groupby("table", sort=False):
        cells = ([str(r.row), with_deviation(r), f"{r.published:.1f}"] for r in rows.itertuples())
        blocks.append(tables.markdown([str(name), "here", "published (VOC 2012 val)"], cells))
    return "\n\n".join(blocks) + "\n"
