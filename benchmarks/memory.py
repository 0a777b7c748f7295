"""Whether a stage's memory grows with the number of photographs.

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
    columns = {}
    for count in COUNTS:
        run = f"bench-memory-{count}"
        sizes = {"train": count, "val": count // 10, "min_size": 96, "max_size": 128}
        run_workflow({**CONFIG, "run": run, "index": {"shapes": sizes}})
        columns[f"{count:,} photographs, MiB"] = pd.Series({s: peak(run, s) for s in STAGES})
    table = pd.DataFrame(columns)
    table["MiB a photograph more"] = table.diff(axis=1).iloc[:, -1] / (COUNTS[1] - COUNTS[0])
    page = document(table)
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def peak(run: str, stage: str) -> float:
    """Of a job and its children, resident, as Snakemake saw it every few seconds."""
    (row,) = pd.read_csv(results(run) / "benchmarks" / f"{stage}.tsv", sep="\t").to_dict("records")
    return float(row["max_rss"])


def document(table: pd.DataFrame) -> str:
    """The page of results, Markdown."""
    return f"""# Memory by the number of photographs

`.venv/bin/python benchmarks/memory.py` on {machine()}.

Peak resident memory of each stage's job, its children included, as Snakemake sees it every few
seconds; generated photographs of 96 to 128 pixels, a tenth as many to evaluate, one round.

{as_table(table)}
"""


if __name__ == "__main__":
    main()
