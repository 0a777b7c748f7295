"""Whether a stage's memory, and its time a photograph, grow with the number of photographs.

    .venv/bin/python benchmarks/memory.py

Runs the workflow anew on 100 and on 2,000 generated photographs, one round of a small network; the
second once more with less of oneDNN's cache of compiled layers, which has one for every size.
While it runs, the system's own record of every process's peak is read several times a second.
Writes benchmarks/memory.md.
"""

import os
import shutil
import threading
from collections import defaultdict
from pathlib import Path

import pandas as pd
import psutil
from measure import as_table, machine, results, run_workflow

COUNTS = (100, 2000)
VAL_SHARE = 10  # one to evaluate for so many to train on
CONFIG = {
    "rounds": 1,
    "model": {"backbone": "test_efficientnet", "weights": "none", "frozen_stride": 1},
    "classify": {"epochs": 1, "crop_size": 64},
    "cam": {"scales": [1.0]},
    "train": {"epochs": 1, "crop_size": 64},
    "refine": {"flip": False},
    "predict": {"use_crf": False},
}
JOBS = {
    **{stage: stage for stage in ("index", "masks", "saliency", "classify", "cam", "seed")},
    "train": "train_round0",
    "refine": "refine_round1",
    "predict": "predict_round0",
    "evaluate": "evaluate_round0",
    "report": "report",
}
"""The command of each stage, and its job's name among Snakemake's benchmarks."""
SECONDS = 0.1  # between two looks
CACHE, SMALL = "ONEDNN_PRIMITIVE_CACHE_CAPACITY", 64


def main() -> None:
    """Run and write the page."""
    few, many = (f"{count:,} photographs" for count in COUNTS)
    memory, time = {}, {}
    for count, column in zip(COUNTS, (few, many), strict=True):
        memory[f"{column}, MiB"], time[f"{column}, seconds"] = measured(count)
    os.environ[CACHE] = str(SMALL)
    memory[f"{many}, {SMALL} layers kept, MiB"], _ = measured(COUNTS[1])
    table, times = pd.DataFrame(memory), pd.DataFrame(time)
    more = pd.Series(
        {stage: taken_by(stage, COUNTS[1]) - taken_by(stage, COUNTS[0]) for stage in JOBS}
    )
    times["ms a photograph more"] = 1000 * times.diff(axis=1).iloc[:, -1] / more
    page = document(table, times)
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def taken_by(stage: str, count: int) -> int:
    """How many photographs a stage takes, of so many to train on: stage predict those of val."""
    val = count // VAL_SHARE
    return {"predict": val, "index": count + val, "masks": count + val}.get(stage, count)


def measured(count: int) -> tuple[pd.Series, pd.Series]:
    """MiB and seconds of every stage."""
    run = f"bench-memory-{count}"
    shutil.rmtree(results(run), ignore_errors=True)
    sizes = {"train": count, "val": count // VAL_SHARE, "min_size": 96, "max_size": 128}
    with Peaks() as peaks:
        run_workflow({**CONFIG, "run": run, "index": {"shapes": sizes}}, "--cores", "1")
    taken = {stage: seconds(run, job) for stage, job in JOBS.items()}
    return pd.Series(peaks.of_stages()), pd.Series(taken)


class Peaks:
    """Watches the processes below this one, and keeps the peak memory of each stage's."""

    def __init__(self) -> None:
        self._found: dict[str, dict[int, float]] = defaultdict(dict)
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self) -> "Peaks":
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watcher.join()

    def of_stages(self) -> dict[str, float]:
        """MiB of each stage: the peaks of all its processes, added up."""
        return {stage: sum(self._found[stage].values()) for stage in JOBS}

    def _watch(self) -> None:
        while not self._done.wait(SECONDS):
            for process in psutil.Process().children(recursive=True):
                try:
                    if (stage := stage_of(process)) in JOBS:
                        self._look(process, stage)
                except (psutil.Error, OSError):
                    continue  # it has just ended

    def _look(self, process: psutil.Process, stage: str) -> None:
        for one in (process, *process.children(recursive=True)):
            lines = Path(f"/proc/{one.pid}/status").read_text().splitlines()
            peak = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), "0")
            kept = self._found[stage]
            kept[one.pid] = max(kept.get(one.pid, 0.0), int(peak) / 1024)


def stage_of(process: psutil.Process) -> str:
    """The stage whose command a process is; "" of others."""
    words = process.cmdline()
    places = [number for number, word in enumerate(words[:3]) if Path(word).name == "auxseg"]
    return words[places[0] + 1] if places and len(words) > places[0] + 1 else ""


def seconds(run: str, job: str) -> float:
    """What a job took, by Snakemake's clock."""
    return pd.read_csv(results(run) / "benchmarks" / f"{job}.tsv", sep="\t")["s"].item()


def document(memory: pd.DataFrame, times: pd.DataFrame) -> str:
    """The page of results, Markdown."""
    return f"""# Memory and time by the number of photographs

`.venv/bin/python benchmarks/memory.py` on {machine()}.

Peak resident memory of each stage's processes, added up, by the system's own record of it, read
every {SECONDS} seconds; generated photographs of 96 to 128 pixels, a tenth as many to evaluate, one
round, one core. Stages with a network take a tenth more or less from one time to another; what
`cam` and `refine` grow by is mostly layers that oneDNN compiles for every size of photographs and
keeps, 1,024 of them unless {CACHE} says otherwise. The others grow by
the index, and by the names and digests of maps.

{as_table(memory)}

Seconds of each job, of its start too; the last column counts the photographs that a stage takes
(`predict` those to evaluate, `index` and `masks` all, the others those to train on):

{as_table(times)}
"""


if __name__ == "__main__":
    main()
