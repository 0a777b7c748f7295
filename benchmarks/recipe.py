"""Which recipe? What each choice of the preset for voc-animals is worth.

    .venv/bin/python benchmarks/recipe.py path/to/voc-animals

Every row changes the preset in one thing. It is judged on photographs that no other figure uses:
400 of the list `train` that are in neither small list, so that nothing is chosen by `mini_val`.
Writes benchmarks/recipe.md. Started again it goes on behind the last choice that it finished; the
figures so far are in results/bench-recipe.json, to be deleted where the code has changed.
"""

import argparse
import json
import random
from pathlib import Path
from typing import Any

from measure import MULTISCALE, ROOT, machine, metrics, run_workflow

from auxseg.report.tables import SINGLE_SCALE, markdown

PRESET = "workflow/presets/voc-animals.yaml"
RUN = "bench-recipe"
HELD_OUT = 400
# what is changed -> the keys that change it; those of refinement first, on one first training
CHOICES: dict[str, dict[str, Any]] = {
    "the preset": {},
    "labels from propagated CAMs alone, as published": {"refine": {"labels_from": "cam"}},
    "labels from the segmentation alone": {"refine": {"labels_from": "segmentation"}},
    "refinement at one scale, not mirrored": {"refine": {"scales": [1.0], "flip": False}},
    "saliency sharpened as published": {
        "refine": {"crf": {"gaussian_compat": 3, "bilateral_srgb": 5, "bilateral_compat": 5}}
    },
    "every round starts from the classifier": {"train": {"start_from": "classifier"}},
    "moving average of the weights, 0.99": {"train": {"ema_decay": 0.99}},
    "half the learning rate": {"train": {"learning_rate": 0.002}},
    "affinity transposed, as the paper writes": {"model": {"transpose_affinity": True}},
    "crops of 288 pixels, not 224": {"train": {"crop_size": 288}},
    "background and foreground weigh the same": {"train": {"balance_background": True}},
    "no colour jitter": {"train": {"color_jitter": 0}},
    "padding counts as background": {"train": {"padding": "background"}},
    "batch normalisation learns": {"model": {"freeze_batch_norm": False}},
}


def main() -> None:
    """Train every choice and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="folder of voc-animals")
    root = with_held_out_list(parser.parse_args().root.resolve())
    shared = {
        "run": RUN,
        "rounds": 2,
        "index": {"voc": {"root": str(root), "val_list": "held_out"}},
        "predict": {"use_crf": False},
    }
    finished = ROOT / "results" / f"{RUN}.json"
    rows = json.loads(finished.read_text()) if finished.exists() else {}
    for name, change in CHOICES.items():
        if name not in rows:
            # One run's folder: what a choice leaves as it is, is not made again.
            run_workflow({**shared, **change}, "all", "--configfile", PRESET)
            rows[name] = figures(RUN)
            finished.write_text(json.dumps(rows))
        page = document(rows)
        (Path(__file__).parent / "recipe.md").write_text(page, encoding="utf-8")
    print(page)


def figures(run: str) -> list[float]:
    """The columns of the table."""
    found = metrics(run)
    return [
        found[1, "labels", "miou", ""],
        found[2, "labels", "miou", ""],
        found[0, "predictions", "miou", MULTISCALE],
        found[1, "predictions", "miou", SINGLE_SCALE],
        found[1, "predictions", "miou", MULTISCALE],
    ]


def with_held_out_list(root: Path) -> Path:
    """A folder of links to the data set, with a list of photographs that no other figure uses."""
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


def document(rows: dict[str, list[float]]) -> str:
    """The page of results, Markdown."""
    header = [
        "changed",
        "labels after round 0",
        "labels after round 1",
        "round 0, multi-scale + flip",
        "round 1, single scale",
        "round 1, multi-scale + flip",
    ]
    lines = [[name, *(f"{value:.1f}" for value in row)] for name, row in rows.items()]
    return f"""# What the recipe's choices are worth

`.venv/bin/python benchmarks/recipe.py path/to/voc-animals` on {machine()}.

Two rounds on the 259 photographs of `mini_train`. mIoU in percent: of the pseudo labels that each
round's network makes of them, and of predictions on {HELD_OUT} photographs of the list
`train` that are in neither small list. One seed: differences below a point or two are chance.

{markdown(header, lines)}
"""


if __name__ == "__main__":
    main()
