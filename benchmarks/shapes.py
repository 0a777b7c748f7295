"""Does the method work? Rounds on generated scenes against one network trained on plain CAMs.

    .venv/bin/python benchmarks/shapes.py

Three seeds, each of the data set and of training. Writes benchmarks/shapes.md.
"""

import tempfile
from pathlib import Path

import pandas as pd
import yaml
from measure import (
    CRF,
    MULTISCALE,
    ROOT,
    machine,
    metrics,
    minutes,
    results,
    run_workflow,
    trained_on,
)

from auxseg.config import SeedOptions
from auxseg.datasets.index_file import read_index
from auxseg.metrics import Confusion, mean
from auxseg.report.tables import markdown
from auxseg.stages import seed
from auxseg.store import MapReader

SEEDS = (0, 1, 2)
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
ROUNDS, EPOCHS = CONFIG["rounds"], CONFIG["rounds"] * CONFIG["train"]["epochs"]
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
PLAIN = {
    "rounds": 1,
    "model": {"branches": "seg", "affinity": "none"},
    "train": {"epochs": EPOCHS},
}


def main() -> None:
    """Measure all seeds and write the table."""
    columns = {f"seed {number}": measured(number) for number in SEEDS}
    table = pd.DataFrame(columns)
    table["mean"] = table.mean(axis=1)
    page = document(table)
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def measured(number: int) -> dict[str, float]:
    """The figures of one seed, in percent, and its minutes."""
    data = {"index": {"shapes": {"seed": number}}, "random_seed": number}
    full, plain = f"bench-shapes-{number}", f"bench-shapes-{number}-plain"
    run_workflow({"run": full, **data})
    took = minutes(full)
    first_labels = f"results/{full}/ablation/seeds/{number}/round0/metrics.csv"
    run_workflow({"run": full, **data}, first_labels)
    threshold = best_threshold(results(full))
    labels = {"use_saliency": False, "cam_threshold": threshold}
    run_workflow({"run": plain, "seed": labels, **PLAIN, **data})
    method, baseline, alone = metrics(full), metrics(plain), trained_on("seeds", full)
    return {
        "CAM threshold of plain CAMs": 100 * threshold,
        "labels of plain CAMs": baseline[0, "labels", "miou", ""],
        **{f"labels, round {r}": method[r, "labels", "miou", ""] for r in range(ROUNDS + 1)},
        "val, plain CAMs": baseline[0, "predictions", "miou", MULTISCALE],
        **{f"val, round {r}": method[r, "predictions", "miou", MULTISCALE] for r in range(ROUNDS)},
        "val, first labels alone": alone["predictions", "miou", MULTISCALE],
        "val, plain CAMs + CRF": baseline[0, "predictions", "miou", CRF],
        "val, first labels alone + CRF": alone["predictions", "miou", CRF],
        "val, last round + CRF": method[ROUNDS - 1, "predictions", "miou", CRF],
        "minutes": took,
    }


def best_threshold(run: Path) -> float:
    """The CAM threshold at which CAMs alone come nearest to the true masks: plain CAMs' best."""
    classes = len(read_index(run / "index.h5").classes)

    def miou(threshold: float) -> float:
        options = SeedOptions(use_saliency=False, cam_threshold=threshold)
        counts = Confusion(classes + 1)
        with tempfile.TemporaryDirectory() as folder:
            labels = Path(folder) / "labels.h5"
            seed.run(
                options,
                index=run / "index.h5",
                cam=run / "cam.h5",
                saliency=run / "saliency.h5",
                labels=labels,
            )
            with MapReader(run / "masks.h5") as masks, MapReader(labels) as found:
                for image_id, values in found.items():
                    counts.add(masks.read(image_id), values)
        return mean(counts.iou())

    return max(THRESHOLDS, key=miou)


def document(table: pd.DataFrame) -> str:
    """The page of results, Markdown."""
    last = ROUNDS - 1
    rows = table.drop(index="minutes")
    body = markdown(
        ["", *rows.columns],
        ([str(name), *(f"{value:.1f}" for value in row)] for name, row in rows.iterrows()),
    )
    means = table["mean"]
    gain = means[f"val, round {last}"] - means["val, plain CAMs"]
    by_rounds = means[f"val, round {last}"] - means["val, first labels alone"]
    rise = means[f"labels, round {ROUNDS}"] - means["labels, round 0"]
    return f"""# The method on generated scenes

`.venv/bin/python benchmarks/shapes.py` on {machine()}.

mIoU in percent. *Plain CAMs*: the same backbone with a segmentation branch alone, trained for as
many epochs as all rounds together ({EPOCHS}) on labels that class activation maps give without
saliency, affinity or rounds; their threshold is the one of
{", ".join(f"{100 * t:.0f}" for t in THRESHOLDS)} % that comes nearest to the true masks, which the
method itself never sees. *First labels alone*: the method's network, trained for {EPOCHS} epochs on
the labels of round 0. Predictions: 60 val images, multi-scale and mirrored, without
CRF unless it says so. Labels: 200 train images; an ignored pixel counts as missed.

{body}

The last round is {gain:.1f} points above plain CAMs and {by_rounds:.1f} above the first labels
alone; pseudo labels rise by {rise:.1f} points. One seed of the method took {means["minutes"]:.1f}
minutes.
"""


if __name__ == "__main__":
    main()
