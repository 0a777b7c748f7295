"""What a run's own changes are worth: figures of all rounds, and a page of the last."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from auxseg.ablation.repeated import mious, repeated, with_deviation
from auxseg.report import tables
from auxseg.report.tables import NOTHING, SUBJECTS

_KIND = ["subject", "variant"]
_PLACE = ["network", "round", *_KIND]


def changes_table(
    folder: Path, labelled_rounds: Mapping[str, int], seeds: Sequence[int]
) -> pd.DataFrame:
    """Every mIoU in percent, by network, round, subject and variant: mean, deviation, each seed's.

    Args:
        folder: with {network}/{seed}/round{round}/metrics.csv.
        labelled_rounds: how many rounds of a network have pseudo labels, by its name.
        seeds: of the repetitions.

    Raises:
        UserError: a metrics.csv is missing.
    """
    lines: list[dict[str, object]] = []
    for name, rounds in labelled_rounds.items():
        for number in range(rounds):
            found = [mious(folder / name / str(seed) / f"round{number}") for seed in seeds]
            for subject, variant in dict.fromkeys(key for figures in found for key in figures):
                figures = [each.get((subject, variant)) for each in found]
                place = {"network": name, "round": number, "subject": subject, "variant": variant}
                lines.append({**place, **repeated(figures, seeds)})
    columns = [*_PLACE, *repeated([None] * len(seeds), seeds)]
    return pd.DataFrame(lines, columns=columns)


def changes_markdown(table: pd.DataFrame, labelled_rounds: Mapping[str, int]) -> str:
    """The table for people: of each network the labels that its last round made, and predictions.

    Args:
        table: as `changes_table` makes it.
        labelled_rounds: as it was given.
    """
    seeds = sum(str(column).startswith("seed ") for column in table)
    shared = (table["subject"] == "labels") & (table["round"] == 0)
    last = table[~shared].groupby(["network", *_KIND], sort=False).tail(1)
    kinds = list(last[_KIND].drop_duplicates().itertuples(index=False, name=None))
    kinds.sort(key=lambda kind: list(SUBJECTS).index(kind[0]), reverse=True)  # labels first
    cells = {
        (row.network, row.subject, row.variant): with_deviation(row) for row in last.itertuples()
    }
    rows = [
        [name, *(cells.get((name, *kind), NOTHING) for kind in kinds)] for name in labelled_rounds
    ]
    titles = (SUBJECTS[subject] + (f", {variant}" if variant else "") for subject, variant in kinds)
    return (
        f"mIoU of the last round in percent, mean and standard deviation; seeds: {seeds}.\n\n"
        + tables.markdown(["network", *titles], rows)
        + "\n"
    )
