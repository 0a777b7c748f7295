"""The commands of users as real processes, and ways of ending them."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
WORKFLOW = ("Snakefile", "config.yaml", "workflow", "profiles", "envs")
SMALL = {
    "run": "small",
    "rounds": 2,
    "index": {"shapes": {"train": 32, "val": 8, "min_size": 48, "max_size": 64}},
    "model": {
        "backbone": "test_efficientnet",
        "weights": "none",
        "frozen_stride": 1,
        "dense_channels": 8,
    },
    "classify": {"epochs": 3, "crop_size": 48},
    "train": {"epochs": 3, "crop_size": 48},
    "report": {"panels": 2},
}


def copy_of_the_project(folder: Path) -> Path:
    """What Snakemake needs of the project, in a folder of its own."""
    for name in WORKFLOW:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


def snakemake(*arguments: str, **config) -> list[str]:
    """The command that makes a small run on generated scenes, whole."""
    values = {**SMALL, **config}
    pairs = [f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in values.items()]
    return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--config", *pairs]


def auxseg(*arguments: object) -> list[str]:
    """The command of one stage."""
    return [sys.executable, "-m", "auxseg.cli", *map(str, arguments)]


def finished(
    command: list[str], folder: Path, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, within so many seconds; its words come back."""
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=timeout
    )


def killed(command: list[str], folder: Path, seconds: float) -> bool:
    """Start a command and end it with all its children, as a power cut does; False: it was done."""
    with (folder / "killed.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
    return False


def left_behind(folder: Path, seconds: float = 5) -> list[psutil.Process]:
    """Processes that work in a folder, and still do so after a while."""
    end = time.monotonic() + seconds
    while (found := _working_in(folder)) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def _working_in(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            inside = Path(process.cwd()).is_relative_to(folder)
        except psutil.Error:
            continue
        if inside and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def instants(seed: int, count: int, seconds: float) -> list[float]:
    """Random instants of a work that takes so long."""
    draws = random.Random(seed)
    return [draws.uniform(0, seconds) for _ in range(count)]
