"""Real photographs: six animal classes of PASCAL VOC 2012, and the ceiling that true masks set.

    .venv/bin/python benchmarks/voc_animals.py path/to/voc-animals [--full]

The small lists by default, `--full` the whole ones. The ceiling is the same network, trained for as
many epochs as one round on true masks. Writes benchmarks/voc-animals-{mini,full}.md.
"""

import argparse
from pathlib import Path

import pandas as pd
from measure import figure, machine, metrics, run_workflow

PRESET = "workflow/presets/voc-animals.yaml"
LISTS = {
    "mini": {"rounds": 3},
    "full": {
        "rounds": 2,
        "index": {"voc": {"train_list": "train", "val_list": "val"}},
        "classify": {"epochs": 3},
        "cam": {"scales": [1.0, 1.5]},
        "train": {"epochs": 4},
    },
}
VARIANTS = {
    "single": "single scale",
    "multiscale": "multi-scale + flip",
    "multiscale+crf": "multi-scale + flip + CRF",
}


def main() -> None:
    """Run both trainings and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="folder of voc-animals")
    parser.add_argument("--full", action="store_true", help="the whole lists")
    arguments = parser.parse_args()
    name = "full" if arguments.full else "mini"

    config = dict(LISTS[name])
    voc = {"root": str(arguments.root), **config.get("index", {}).get("voc", {})}
    config["index"] = {"voc": voc}
    run, ceiling = f"bench-voc-{name}", f"bench-voc-{name}-masks"
    seconds = run_workflow({**config, "run": run}, PRESET)
    masks = {**config.get("train", {}), "labels": "masks"}
    run_workflow({**config, "run": ceiling, "rounds": 1, "train": masks}, PRESET)

    page = document(name, metrics(run), metrics(ceiling), config["rounds"], seconds)
    (Path(__file__).parent / f"voc-animals-{name}.md").write_text(page, encoding="utf-8")
    print(page)


def document(
    name: str, method: pd.DataFrame, ceiling: pd.DataFrame, rounds: int, seconds: float
) -> str:
    """The page of results, Markdown."""
    labels = "\n".join(
        f"| {r} | "
        + " | ".join(
            f"{figure(method, r, 'labels', metric):.1f}"
            for metric in ("precision", "recall", "miou", "ignored")
        )
        + " |"
        for r in range(rounds + 1)
    )
    values = "\n".join(
        f"| {r} | "
        + " | ".join(f"{figure(method, r, 'predictions', 'miou', v):.1f}" for v in VARIANTS)
        + " |"
        for r in range(rounds)
    )
    best = [figure(ceiling, 0, "predictions", "miou", v) for v in VARIANTS]
    shares = [
        100 * figure(method, rounds - 1, "predictions", "miou", v) / b
        for v, b in zip(VARIANTS, best, strict=True)
    ]
    images = method.xs("predictions", level="subject")["images"].iloc[0]
    pseudo = method.xs("labels", level="subject")["images"].iloc[0]
    return f"""# voc-animals, {name} lists

`python benchmarks/voc_animals.py path/to/voc-animals{" --full" if name == "full" else ""}` on
{machine()}

The run took {seconds / 60:.0f} minutes (of stages that were not finished before). Figures are
percent; an ignored pixel counts as missed in recall and mIoU.

Pseudo labels, {int(pseudo)} training images:

| round | precision | recall | mIoU | ignored |
| --- | --- | --- | --- | --- |
{labels}

mIoU of predictions, {int(images)} val images:

| trained in round | {" | ".join(VARIANTS.values())} |
| --- | --- | --- | --- |
{values}
| on true masks, one round's epochs | {" | ".join(f"{value:.1f}" for value in best)} |
| last round / true masks | {" | ".join(f"{share:.0f} %" for share in shares)} |
"""


if __name__ == "__main__":
    main()
