"""Whether a stage's memory, and its time a photograph, grow with the number of photographs.

    .venv/bin/python benchmarks/memory.py

Runs the workflow on 100 and on 2,000 generated photographs, in turn one round of a small network,
and reads what Snakemake measured of each job. Writes benchmarks/memory.md.
"""

from pathlib import Path

import pandas as pd
from measure import as_table, machine, results, run_workflow

COUNTS = (100, 2000)
CONFIG = {
    "rounds": 1,
    "model": {"backbone": "test_efficientnet", "weights": "none", "frozen_stride": 1},
    "classify": {"epochs": 1, "crop_size": 64},
    "cam": {"scales": [1.0]},
    "train": {"epochs": 1, "crop_size": 64},
    "refine": {"flip": False},
    "predict": {"use_crf": False},
}
STAGES = (
    *("index", "masks", "saliency", "classify", "cam", "seed"),
    *("train_round0", "refine_round1", "predict_round0", "evaluate_round0", "report"),
)


def main() -> None:
    """Run and write the page."""
    memory, time = {}, {}
    for count in COUNTS:
        run = f"bench-memory-{count}"
        sizes = {"train": count, "val": count // 10, "min_size": 96, "max_size": 128}
        run_workflow({**CONFIG, "run": run, "index": {"shapes": sizes}})
        memory[f"{count:,} photographs, MiB"] = measured(run, "max_rss")
        time[f"{count:,} photographs, seconds"] = measured(run, "s")
    table = pd.DataFrame(memory)
    table["MiB a photograph more"] = table.diff(axis=1).iloc[:, -1] / (COUNTS[1] - COUNTS[0])
    times = pd.DataFrame(time)
    more = 1000 * times.diff(axis=1).iloc[:, -1] / (COUNTS[1] - COUNTS[0])
    times["ms a photograph more"] = more
    page = document(table, times)
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def measured(run: str, what: str) -> pd.Series:
    """Of each stage's job and its children, as Snakemake saw it every few seconds."""
    files = {stage: results(run) / "benchmarks" / f"{stage}.tsv" for stage in STAGES}
    return pd.Series({stage: pd.read_csv(f, sep="\t")[what].item() for stage, f in files.items()})


def document(memory: pd.DataFrame, times: pd.DataFrame) -> str:
    """The page of results, Markdown."""
    return f"""# Memory and time by the number of photographs

`.venv/bin/python benchmarks/memory.py` on {machine()}.

Peak resident memory of each stage's job, its children included, as Snakemake sees it every few
seconds; generated photographs of 96 to 128 pixels, a tenth as many to evaluate, one round.

{as_table(memory)}

Seconds of each job, of its start too; photographs to evaluate are not counted:

{as_table(times)}
"""


if __name__ == "__main__":
    main()
