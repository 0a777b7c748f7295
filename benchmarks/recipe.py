"""Which recipe? What each choice of the preset for voc-animals is worth.

    .venv/bin/python benchmarks/recipe.py path/to/voc-animals [--seeds 3]

Every row changes the preset in one thing (`ablation.changes`). It is judged on 400 photographs of
the list `train` that are in neither small list, so that nothing is chosen by `mini_val` or `val`.
Writes benchmarks/recipe.md. Started again it goes on where it stopped.
"""

import argparse
import random
from pathlib import Path
from typing import Any

import pandas as pd
from measure import MULTISCALE, ROOT, SIDE_BY_SIDE, machine, results, run_workflow

from auxseg.ablation.repeated import with_deviation
from auxseg.report.tables import NOTHING, SINGLE_SCALE, markdown

PRESET = "workflow/presets/voc-animals.yaml"
RUN = "bench-recipe"
HELD_OUT = 400
PUBLISHED_CRF = {"gaussian_compat": 3, "bilateral_srgb": 5, "bilateral_compat": 5}
# what is changed -> the keys that change it
CHOICES: dict[str, dict[str, Any]] = {
    "labels from propagated CAMs alone, as published": {"refine": {"labels_from": "cam"}},
    "labels from the segmentation alone": {"refine": {"labels_from": "segmentation"}},
    "refinement at one scale, not mirrored": {"refine": {"scales": [1.0], "flip": False}},
    "saliency sharpened as published": {"refine": {"crf": PUBLISHED_CRF}},
    "every round starts from the classifier": {"train": {"start_from": "classifier"}},
    "moving average of the weights, 0.99": {"train": {"ema_decay": 0.99}},
    "half the learning rate": {"train": {"learning_rate": 0.002}},
    "affinity transposed, as the paper writes": {"model": {"transpose_affinity": True}},
    "no affinity": {"model": {"affinity": "none"}},
    "crops of 288 pixels, not 224": {"train": {"crop_size": 288}},
    "background and foreground weigh the same": {"train": {"balance": "background"}},
    "no colour jitter": {"train": {"color_jitter": 0}},
    "padding counts as background": {"train": {"padding": "background"}},
}
COLUMNS = {
    "labels after round 0": (1, "labels", ""),
    "labels after round 1": (2, "labels", ""),
    "round 0, multi-scale + flip": (0, "predictions", MULTISCALE),
    "round 1, single scale": (1, "predictions", SINGLE_SCALE),
    "round 1, multi-scale + flip": (1, "predictions", MULTISCALE),
}


def main() -> None:
    """Train every choice and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="folder of voc-animals")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each choice")
    arguments = parser.parse_args()
    root = with_held_out_list(arguments.root.resolve())
    changes = {slug(name): change for name, change in CHOICES.items()}
    config = {
        "run": RUN,
        "rounds": 2,
        "index": {"voc": {"root": str(root), "val_list": "held_out"}},
        "predict": {"use_crf": False},
        "ablation": {"seeds": arguments.seeds, "changes": changes},
    }
    run_workflow(config, "changes", "--configfile", PRESET, *SIDE_BY_SIDE)
    page = document(pd.read_csv(results(RUN) / "ablation/changes.csv"), arguments.seeds)
    (Path(__file__).parent / "recipe.md").write_text(page, encoding="utf-8")
    print(page)


def slug(name: str) -> str:
    """A choice as a folder's name."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def with_held_out_list(root: Path) -> Path:
    """A folder of links to the data set, with a list of photographs of neither small list."""
    folder = ROOT / "data" / "voc-animals-held-out"
    lists = folder / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True, exist_ok=True)
    names: dict[str, list[str]] = {}
    for file in (root / "ImageSets" / "Segmentation").glob("*.txt"):
        names[file.stem] = file.read_text().split()
        (lists / file.name).write_text(file.read_text())
    used = {*names["mini_train"], *names["mini_val"]}
    free = sorted(set(names["train"]) - used)
    (lists / "held_out.txt").write_text("\n".join(random.Random(0).sample(free, HELD_OUT)) + "\n")
    for name in ("JPEGImages", "SegmentationClass", "labels.csv"):
        if not (folder / name).exists():
            (folder / name).symlink_to(root / name)
    return folder


def document(table: pd.DataFrame, seeds: int) -> str:
    """The page of results, Markdown."""
    cells = {
        (row.network, row.round, row.subject, row.variant): with_deviation(row)
        for row in table.fillna({"variant": ""}).itertuples()
    }
    networks = {"the preset": "unchanged"} | {name: slug(name) for name in CHOICES}
    lines = [
        [title, *(cells.get((name, *place), NOTHING) for place in COLUMNS.values())]
        for title, name in networks.items()
    ]
    again = f" --seeds {seeds}" if seeds > 1 else ""
    drawn = f"Means and standard deviations of {seeds} seeds" if seeds > 1 else "One seed"
    return f"""# What the recipe's choices are worth

`.venv/bin/python benchmarks/recipe.py path/to/voc-animals{again}` on {machine()}.

Two rounds on the 259 photographs of `mini_train`. mIoU in percent: of the pseudo labels that each
round's network makes of them, and of predictions on {HELD_OUT} photographs of the list
`train` that are in neither small list. {drawn}: differences below a point or two are chance.

{markdown(["changed", *COLUMNS], lines)}
"""


if __name__ == "__main__":
    main()
