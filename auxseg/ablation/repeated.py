"""A figure that several seeds repeat."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from auxseg.report.figures import read_figures
from auxseg.report.tables import NOTHING, with_variants


def mious(folder: Path) -> dict[tuple[str, str], float]:
    """A round's mIoU in percent by (subject, variant), saliency left out.

    Args:
        folder: of the round, with metrics.csv.

    Raises:
        UserError: it is missing, or no table of figures.
    """
    table = with_variants(read_figures(folder / "metrics.csv"))
    scored = table[(table["metric"] == "miou") & (table["value"] != "")]
    keys = scored[["subject", "variant"]].itertuples(index=False, name=None)
    return dict(zip(keys, 100 * scored["value"].astype(float), strict=True))


def repeated(figures: Sequence[float | None], seeds: Sequence[int]) -> dict[str, float | None]:
    """Mean, standard deviation, and each seed's figure: cells of a table's line."""
    values = pd.Series(list(figures), dtype=float)
    each = {f"seed {seed}": figure for seed, figure in zip(seeds, figures, strict=True)}
    return {"mean": values.mean(), "deviation": values.std(), **each}


def with_deviation(row: Any) -> str:
    """`60.1 +- 0.4`, without a deviation where one seed has none."""
    if pd.isna(row.mean):
        return NOTHING
    return f"{row.mean:.1f}" + ("" if pd.isna(row.deviation) else f" +- {row.deviation:.1f}")
