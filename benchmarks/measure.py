"""What the benchmarks have in common: run the workflow, read its figures, describe the machine."""

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import h5py
import pandas as pd

from auxseg.report.tables import markdown, read_text_table, with_variants
from auxseg.stages import STAGES

ROOT = Path(__file__).parents[1]
ROUNDS = 5  # that are measured where forms take turns
PACKAGES = ("torch", "timm", "numpy", "opencv-python-headless", "pydensecrf2", "snakemake")
MULTISCALE, CRF = "multi-scale + flip", "multi-scale + flip + CRF"
"""The ways of predicting beside a single scale, as the report names them."""
SIDE_BY_SIDE = ("--set-threads", "ablation_train=1", "ablation_refine=1", "ablation_predict=1")
"""Each compared network on one core, as many at once as there are: sooner than one by one."""


def run_workflow(config: Mapping[str, Any], *arguments: str) -> None:
    """Run Snakemake, to the report unless the arguments name a target; what is done stays."""
    values = (f"{key}={json.dumps(value)}" for key, value in config.items())
    command = [sys.executable, "-m", "snakemake", *arguments, "--quiet", "all", "--config", *values]
    subprocess.run(command, cwd=ROOT, check=True)


def results(run: str) -> Path:
    """The folder of a run."""
    return ROOT / "results" / run


def metrics(run: str) -> pd.Series:
    """All figures of a run, in percent, by (round, subject, metric, variant)."""
    return _figures(results(run) / "report/metrics.csv", ["round"])


def trained_on(labels: str, run: str) -> pd.Series:
    """The figures of the run's network trained on "masks" or "seeds", like a round's."""
    (path,) = (results(run) / "ablation" / labels).glob("*/round0/metrics.csv")
    return _figures(path, [])


def pseudo_masks(run: str) -> pd.Series:
    """The figures of the last network told the classes, in percent, by (split, metric, variant)."""
    figures = _figures(results(run) / "pseudo_masks/metrics.csv", ["split"])
    return figures.xs("pseudo masks", level="subject")


def masks_of_true_masks(run: str) -> pd.Series:
    """The same figures on val of the run's network trained on true masks, made anew where old."""
    (trained,) = (results(run) / "ablation/masks").glob("*/round0")
    told = trained.with_name("told")
    compared = results(run) / "pseudo_masks/predictions.h5"
    sources = (trained / "weights.safetensors", compared)
    made = (told / "metrics.csv").stat().st_mtime if (told / "metrics.csv").exists() else 0
    if made < max(source.stat().st_mtime for source in sources):
        with h5py.File(compared) as file:
            options = file.attrs["options"]
        index, predictions = results(run) / "index.h5", told / "predictions.h5"
        flags = ["--weights", trained / "weights.safetensors", "--known-classes", "--split", "val"]
        _auxseg("predict", index, predictions, *flags, "--options", options)
        figures = ["--metrics", told / "metrics.csv", "--per-class", told / "per_class.csv"]
        _auxseg("evaluate", index, predictions, "--masks", results(run) / "masks.h5", *figures)
    return _figures(told / "metrics.csv", ["split"]).xs("pseudo masks", level="subject")


def _auxseg(stage: str, index: Path, predictions: Path, *arguments: str | Path) -> None:
    files = ("--index", index, "--predictions", predictions)
    subprocess.run(
        [sys.executable, "-m", "auxseg", stage, *files, *arguments], cwd=ROOT, check=True
    )


def _figures(path: Path, keys: list[str]) -> pd.Series:
    table = with_variants(read_text_table(path))
    if "round" in table:
        table["round"] = table["round"].astype(int)
    return 100 * table.set_index([*keys, "subject", "metric", "variant"])["value"].astype(float)


def minutes(run: str) -> float:
    """What the jobs of a run up to its report took, by Snakemake's own clock, one after another."""
    return times_of(results(run), *STAGES)["s"].sum() / 60


def times_of(run: Path, *stages: str) -> pd.DataFrame:
    """Snakemake's records of a run's jobs of some stages, of every round."""
    job = re.compile(rf"({'|'.join(stages)})(_round\d+)?")
    files = [file for file in (run / "benchmarks").glob("*.tsv") if job.fullmatch(file.stem)]
    return pd.concat([pd.read_csv(file, sep="\t") for file in files])


def in_turns(
    *forms: Callable[[], object], wait: Callable[[], object] = lambda: None
) -> list[float]:
    """Median seconds of each form over `ROUNDS` in which they take turns, after an unmeasured one.

    Args:
        forms: what is measured.
        wait: ends when what a form has begun on a device is done.
    """
    times: list[list[float]] = [[] for _ in forms]
    for number in range(ROUNDS + 1):
        for form, kept in zip(forms, times, strict=True):
            start = time.perf_counter()
            form()
            wait()
            if number:
                kept.append(time.perf_counter() - start)
    return [median(kept) for kept in times]


@dataclass(frozen=True)
class Row:
    """One measure: the plain form's and ours, what they agree in."""

    what: str
    plain: str
    ours: str
    ratio: str
    agreement: str


def compared(what: str, seconds: Sequence[float], agreement: str) -> Row:
    """A row of images a second, from what the plain form and ours take for an image."""
    plain, ours = (1 / value for value in seconds)
    return Row(what, f"{plain:.3g}/s", f"{ours:.3g}/s", f"{ours / plain:.1f} x", agreement)


def as_table(rows: pd.DataFrame) -> str:
    """Numbers to three digits, in Markdown."""
    cells = ((name, *(_figure(value) for value in row)) for name, row in rows.iterrows())
    return markdown(["", *rows.columns], [[str(cell) for cell in line] for line in cells])


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def machine() -> str:
    """Processor, cores, Python and the packages that decide on figures and speed."""
    processor = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            processor = line.split(":")[1].strip()
            break
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {processor}, Python {platform.python_version()}, {packages}"
