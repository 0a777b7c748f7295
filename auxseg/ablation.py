"""Networks to compare a run with: the paper's ablation, true masks, and the first labels alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from auxseg.config import Config, ModelOptions, PredictOptions, TrainOptions
from auxseg.report import tables
from auxseg.report.figures import read_figures
from auxseg.report.tables import NOTHING, SINGLE_SCALE, with_variants


@dataclass(frozen=True)
class Variant:
    """One network.

    Attributes:
        model, train: keys of these sections that make it.
        all_rounds: trained in every round; the others in the first alone.
        single_scale: predicts without multi-scale, mirror images and CRF, as the paper's tables do.
        whole_budget: trained once for as many epochs as the run in all its rounds.
    """

    model: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    all_rounds: bool = False
    single_scale: bool = True
    whole_budget: bool = False


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


def _branches(branches: str) -> Variant:
    return Variant(model={"branches": branches, "affinity": "none"})


VARIANTS = {
    "seg": _branches("seg"),
    "seg-cls": _branches("seg+cls"),
    "seg-sal": _branches("seg+sal"),
    "all": _branches("all"),
    "seg-affinity": Variant({"branches": "all", "affinity": "seg"}, {"constraints": "seg"}),
    "cross-task-seg": Variant(
        {"branches": "all", "affinity": "cross-task"}, {"constraints": "seg"}
    ),
    "cross-task": Variant(
        {"branches": "all", "affinity": "cross-task"}, {"constraints": "both"}, all_rounds=True
    ),
    "masks": Variant(train={"labels": "masks"}, single_scale=False, whole_budget=True),
    "seeds": Variant(single_scale=False, whole_budget=True),
}
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


def variant_config(config: Config, name: str, seed: int) -> Config:
    """The configuration of one network: the run's own, but for what its variant sets."""
    variant = VARIANTS[name]
    single = PredictOptions(scales=(1.0,), flip=False, use_crf=False)
    train = {**config.train.model_dump(), **variant.train}
    if variant.whole_budget:
        train["epochs"] *= config.rounds
    changed = {
        "random_seed": seed,
        "rounds": rounds_of(config, name),
        "model": ModelOptions(**{**config.model.model_dump(), **variant.model}),
        "train": TrainOptions(**train),
        "predict": single if variant.single_scale else config.predict,
    }
    return config.model_copy(update=changed)


def rounds_of(config: Config, name: str) -> int:
    """In how many rounds a network is trained."""
    return config.rounds if VARIANTS[name].all_rounds else 1


def compared() -> list[str]:
    """The variants of the paper's tables, in their order."""
    return list(dict.fromkeys(row.variant for row in ROWS))


def seeds_of(config: Config) -> range:
    """The seeds of the repetitions."""
    return range(config.random_seed, config.random_seed + config.ablation.seeds)


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
        figures = [_miou(folder / row.variant / str(seed) / f"round{row.round}") for seed in seeds]
        values = pd.Series(figures, dtype=float)
        lines.append(
            {
                "table": row.table,
                "row": row.name,
                "mean": values.mean(),
                "deviation": values.std(),
                "published": row.published,
                **{f"seed {seed}": value for seed, value in zip(seeds, figures, strict=True)},
            }
        )
    return pd.DataFrame(lines)


def markdown(table: pd.DataFrame) -> str:
    """The table for people: mean +- deviation beside the published figure, one block a table."""
    blocks = []
    for name, rows in table.groupby("table", sort=False):
        cells = ([str(r.row), _with_deviation(r), f"{r.published:.1f}"] for r in rows.itertuples())
        blocks.append(tables.markdown([str(name), "here", "published (VOC 2012 val)"], cells))
    return "\n\n".join(blocks) + "\n"


def _miou(folder: Path) -> float | None:
    table = with_variants(read_figures(folder / "metrics.csv"))
    predicted = (table["subject"] == "predictions") & (table["metric"] == "miou")
    found = table[predicted & (table["variant"] == SINGLE_SCALE)]
    return None if found.empty else 100 * float(found["value"].iloc[0])


def _with_deviation(row: Any) -> str:
    if pd.isna(row.mean):
        return NOTHING
    return f"{row.mean:.1f}" + ("" if pd.isna(row.deviation) else f" +- {row.deviation:.1f}")
