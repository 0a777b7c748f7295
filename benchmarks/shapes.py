"""Does the method work? Rounds on generated scenes against one network trained on plain CAMs.

    make bench            (or: .venv/bin/python benchmarks/shapes.py)

Three seeds, each of the data set and of training. Writes benchmarks/shapes.md.
"""

from pathlib import Path

import pandas as pd
from measure import figure, machine, metrics, run_workflow

SEEDS = (0, 1, 2)
ROUNDS = 3
PLAIN = {
    "rounds": 1,
    "seed": {"use_saliency": False},
    "model": {"branches": "seg", "affinity": "none"},
}


def main() -> None:
    """Measure all seeds and write the table."""
    rows = []
    for seed in SEEDS:
        data = {"index": {"shapes": {"seed": seed}}, "random_seed": seed}
        full, plain = f"bench-shapes-{seed}", f"bench-shapes-{seed}-plain"
        seconds = run_workflow({"run": full, "rounds": ROUNDS, **data})
        run_workflow({"run": plain, **PLAIN, **data})
        rows.append(measured(full, plain) | {"seconds": seconds})
    table = pd.DataFrame(rows, index=[f"seed {seed}" for seed in SEEDS])
    table.loc["mean"] = table.mean()
    Path(__file__).with_suffix(".md").write_text(document(table), encoding="utf-8")
    print(document(table))


def measured(full: str, plain: str) -> dict[str, float]:
    """The figures of one seed, in percent."""
    method, baseline = metrics(full), metrics(plain)
    last = ROUNDS - 1
    labels = {f"labels, round {r}": figure(method, r, "labels", "miou") for r in range(ROUNDS + 1)}
    return {
        "plain CAMs, val": figure(baseline, 0, "predictions", "miou", "multiscale"),
        **{
            f"round {r}, val": figure(method, r, "predictions", "miou", "multiscale")
            for r in range(ROUNDS)
        },
        "last round + CRF, val": figure(method, last, "predictions", "miou", "multiscale+crf"),
        **labels,
    }


def document(table: pd.DataFrame) -> str:
    """The page of results, Markdown."""
    body = "\n".join(
        f"| {name} | " + " | ".join(f"{value:.1f}" for value in column) + " |"
        for name, column in table.drop(columns="seconds").items()
    )
    gain = table["round 2, val"]["mean"] - table["plain CAMs, val"]["mean"]
    rise = table["labels, round 3"]["mean"] - table["labels, round 0"]["mean"]
    return f"""# The method on generated scenes

`make bench` on {machine()}

mIoU in percent. *plain CAMs*: a segmentation network trained once on labels that the class
activation maps give alone, without saliency, affinity or rounds. Predictions: 60 val images,
multi-scale and mirrored, without CRF unless it says so. Labels: 200 train images; an ignored pixel
counts as missed.

| | {" | ".join(table.index)} |
| --- | {" | ".join("---" for _ in table.index)} |
{body}

The last round is {gain:.1f} points above plain CAMs; pseudo labels rise by {rise:.1f} points. One
seed of the method took {table["seconds"]["mean"] / 60:.1f} minutes (of stages that were not
finished before).
"""


if __name__ == "__main__":
    main()
