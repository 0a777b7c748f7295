"""What a run's own changes are worth: figures of all rounds, and a page of the last."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from auxseg.ablation.repeated import mious, repeated, with_deviation
from auxseg.report import tables
from auxseg.report.tables import NOTHING, SUBJECTS


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
    lines = []
    for name, rounds in labelled_rounds.items():
        for number in range(rounds):
            found = [mious(folder / name / str(seed) / f"round{number}") for seed in seeds]
            for subject, variant in dict.fromkeys(key for figures in found for key in figures):
                figures = [each.get((subject, variant)) for each in found]
                place = {"network": name, "round": number, "subject": subject, "variant": variant}
                lines.append({**place, **repeated(figures, seeds)})
    return pd.DataFrame(lines)


def changes_markdown(table: pd.DataFrame) -> str:
    """The table for people: of each network the last labels and the last predictions."""
    columns = ["subject", "variant"]
    last = table.groupby(["network", *columns], sort=False).tail(1)
    kinds = list(last[columns].drop_duplicates().itertuples(index=False, name=None))
    kinds.sort(key=lambda kind: list(SUBJECTS).index(kind[0]), reverse=True)  # labels first
    rows = []
    for name, figures in last.groupby("network", sort=False):
        cells = {(row.subject, row.variant): with_deviation(row) for row in figures.itertuples()}
        rows.append([str(name), *(cells.get(kind, NOTHING) for kind in kinds)])
    titles = (SUBJECTS[subject] + (f", {variant}" if variant else "") for subject, variant in kinds)
    return tables.markdown(["network", *titles], rows) + "\n"
