"""What each stage costs an image, by Snakemake's own clock, and what larger data would cost.

    python benchmarks/costs.py results/RUN [--faster 1.0]

The run must be finished, in one go, by jobs that ran one after the other. `--faster` says how many
times as fast a worker of the cluster is. Writes benchmarks/costs.md.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from measure import as_table, machine, times_of

from auxseg.datasets.index_file import read_index
from auxseg.description import read_description
from auxseg.report.origins import known_origins
from auxseg.stages import STAGES

DATA = (
    {"train": 10_582, "val": 1_449},  # as VOC 2012 with SBD
    {"train": 82_783, "val": 40_504},  # as COCO 2014
    {"train": 10_000_000, "val": 10_000},
)
WORKERS = (1, 8, 64)
ROUNDS, EPOCHS, CLASSIFIER_EPOCHS = 3, 10, 8
"""Of the run that is extrapolated to."""
TIMES = {
    "classify": CLASSIFIER_EPOCHS,
    "train": ROUNDS * EPOCHS,
    "refine": ROUNDS,
    "predict": ROUNDS,
}
COSTED = [stage for stage in STAGES if stage not in ("evaluate", "report")]
"""Stages whose work grows with photographs, masks or not."""
SHARED = ("index", "saliency", "classify", "cam", "train", "refine", "predict")
"""Stages that workers share: by shards, or training by sharing every batch."""
ALL_IMAGES, OF_VAL = ("index", "masks"), ("predict",)


def main() -> None:
    """Read a run's times and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--faster", type=float, default=1.0, help="a worker's speed")
    arguments = parser.parse_args()
    page = document(measured_in(arguments.run), costs_of(arguments.run), arguments.faster)
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def measured_in(run: Path) -> str:
    """What the seconds are of: photographs, network, sizes."""
    entries = read_index(run / "index.h5").entries
    counts = Counter(entry.split for entry in entries)
    height, width = np.mean([entry.size for entry in entries], axis=0)
    options = {stage: origin.options for stage, origin in known_origins(run).items()}
    train, refine, predict = (options[stage] for stage in ("train", "refine", "predict"))
    model = train["model"]
    return f"""{counts["train"]} photographs to train on and {counts["val"]} to evaluate, \
{width:.0f} x {height:.0f} pixels on average, of {len(entries[0].labels)} classes.
{model["backbone"]} at output stride {model["output_stride"]}, crops of {train["crop_size"]} pixels.
CAMs at the scales {_listed(options["cam"]["scales"])}, refinement at {_listed(refine["scales"])}\
{", mirrored" if refine["flip"] else ""}, predictions at {_listed(predict["scales"])}\
{", mirrored" if predict["flip"] else ""}{", with CRF" if predict["use_crf"] else ""}."""


def _listed(scales: list[float]) -> str:
    return ", ".join(f"{scale:g}" for scale in scales)


def costs_of(run: Path) -> pd.DataFrame:
    """Seconds an image (of a training: an image and epoch) and peak memory, a row a stage."""
    entries = read_index(run / "index.h5").entries
    images = {split: sum(e.split == split for e in entries) for split in ("train", "val")}
    rows = {}
    if (run / "benchmarks/shards").is_dir():
        sys.exit(f"{run}: ran in shards, whose times are not added up; name a run with shards: 1.")
    for stage in COSTED:
        times = times_of(run, stage)
        seconds = times["s"].mean() / of_stage(stage, images)
        rows[stage] = {"s an image": seconds, "peak memory, MB": times["max_rss"].max()}
    for stage, place in (("classify", "classifier"), ("train", "round0")):
        made_by = read_description(run / place / "weights.safetensors")["options"]
        rows[stage]["s an image"] /= made_by["epochs"]
    return pd.DataFrame(rows).T


def of_stage(stage: str, images: dict[str, int]) -> int:
    """How many images a stage works on."""
    if stage in ALL_IMAGES:
        return images["train"] + images["val"]
    return images["val" if stage in OF_VAL else "train"]


def hours(costs: pd.DataFrame, images: dict[str, int], workers: int, faster: float) -> pd.Series:
    """Hours of each stage, of the whole run, with so many workers."""
    return pd.Series(
        {
            stage: costs.loc[stage, "s an image"]
            * of_stage(stage, images)
            * TIMES.get(stage, 1)
            / (workers if stage in SHARED else 1)
            / faster
            / 3600
            for stage in costs.index
        }
    )


def document(measured: str, costs: pd.DataFrame, faster: float) -> str:
    """The page.

    Args:
        measured: what the seconds are of.
        costs: of each stage.
        faster: how many times as fast a worker is.
    """
    plans = {
        f"{_photographs(sizes)}, {workers}": hours(costs, sizes, workers, faster)
        for sizes in DATA
        for workers in WORKERS
    }
    table = pd.DataFrame(plans)
    table.loc["all"] = table.sum()
    option = "" if faster == 1 else f" --faster {faster:g}"
    return f"""# What each stage costs

`python benchmarks/costs.py results/RUN{option}` on {machine()}.

{measured}

Seconds an image, start of the stage and all included; of the trainings an image and epoch.

{as_table(costs)}

Hours of a run of the same network on more photographs of the same size and number of classes:
{ROUNDS} rounds of {EPOCHS} epochs, a classifier of {CLASSIFIER_EPOCHS}, each worker {faster:g}
times as fast as this machine. The columns name photographs to train on and workers: as many as VOC
2012 and COCO 2014 have, which the presets for these train a far larger network on. Shared work is
divided as if sharing cost nothing.

{as_table(table)}
"""


def _photographs(sizes: dict[str, int]) -> str:
    return f"{sizes['train']:,}"


if __name__ == "__main__":
    main()
