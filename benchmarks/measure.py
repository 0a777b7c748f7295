"""What the benchmarks have in common: run the workflow, read its figures, describe the machine."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).parents[1]
PACKAGES = ("torch", "timm", "numpy", "opencv-python-headless", "pydensecrf2", "snakemake")


def run_workflow(config: Mapping[str, Any], preset: str | None = None) -> float:
    """Run Snakemake to the report; seconds it took. Finished stages are not run again."""
    command = [sys.executable, "-m", "snakemake", "--quiet", "all"]
    if preset is not None:
        command += ["--configfile", preset]
    command += ["--config", *(f"{key}={json.dumps(value)}" for key, value in config.items())]
    started = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True)
    return time.monotonic() - started


def metrics(run: str) -> pd.DataFrame:
    """All figures of a run, indexed by (round, subject, metric); predictions by variant too."""
    table = pd.read_csv(ROOT / "results" / run / "report/metrics.csv")
    table["variant"] = [
        _variant(row) if row.subject == "predictions" else "" for row in table.itertuples()
    ]
    return table.set_index(["round", "subject", "metric", "variant"])


def figure(table: pd.DataFrame, number: int, subject: str, metric: str, variant: str = "") -> float:
    """One figure, in percent."""
    return 100 * float(table.loc[(number, subject, metric, variant), "value"])


def machine() -> str:
    """A sentence: processor, cores, Python and the packages that decide on figures and speed."""
    processor = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            processor = line.split(":")[1].strip()
            break
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {processor}, Python {platform.python_version()}, {packages}."


def _variant(row: Any) -> str:
    if str(row.crf) == "True":
        return "multiscale+crf"
    return "multiscale" if str(row.flip) == "True" or " " in str(row.scales) else "single"
