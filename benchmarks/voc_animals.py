"""Real photographs: six animal classes of PASCAL VOC 2012, and what else teaches the same network.

    .venv/bin/python benchmarks/voc_animals.py path/to/voc-animals [--full]

The small lists by default, `--full` the whole ones. Beside the method the same network is trained
on true masks, and on the first labels, for as many epochs as all rounds together; of the whole
lists the one of true masks is told the classes of val, too. Writes
benchmarks/voc-animals-{mini,full}.md.
"""

import argparse
from pathlib import Path

import pandas as pd
from measure import (
    CRF,
    MULTISCALE,
    SIDE_BY_SIDE,
    machine,
    masks_of_true_masks,
    metrics,
    minutes,
    pseudo_masks,
    run_workflow,
    trained_on,
)

from auxseg.report.tables import SINGLE_SCALE, markdown

PRESETS = {
    "mini": "workflow/presets/voc-animals.yaml",
    "full": "workflow/presets/voc-animals-full.yaml",
}
VARIANTS = (SINGLE_SCALE, MULTISCALE, CRF)
QUALITY = ("precision", "recall", "miou", "ignored")


def main() -> None:
    """Run both trainings and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="folder of voc-animals")
    parser.add_argument("--full", action="store_true", help="the whole lists")
    arguments = parser.parse_args()
    name = "full" if arguments.full else "mini"

    run = f"bench-voc-{name}"
    data = {"index": {"voc": {"root": str(arguments.root.resolve())}}}
    config, preset = {**data, "run": run}, ("--configfile", PRESETS[name])
    run_workflow(config, "all", *preset)
    seeds = f"results/{run}/ablation/seeds/0/round0/metrics.csv"
    run_workflow(config, "ceiling", "pseudo_masks", seeds, *preset, *SIDE_BY_SIDE)

    page = document(name, run)
    (Path(__file__).parent / f"voc-animals-{name}.md").write_text(page, encoding="utf-8")
    print(page)


def document(name: str, run: str) -> str:
    """The page of results, Markdown."""
    method, told = metrics(run), pseudo_masks(run)
    command = f"benchmarks/voc_animals.py path/to/voc-animals{' --full' if name == 'full' else ''}"
    return f"""# voc-animals, {name} lists

`.venv/bin/python {command}` on {machine()}.

The run took {minutes(run):.0f} minutes. Figures are percent, means over background and six classes;
an ignored pixel counts as missed in recall and mIoU. What shows another of VOC's classes is unknown
in the true masks, so confusing something with it costs nothing.

Supervision: image labels of the training photographs; saliency of a model (U2-Net-P) that learnt
from pixel masks of other photographs (DUTS-TR); ImageNet's image labels. The line "on true masks"
has the pixel masks of the training photographs for segmentation, and the same saliency.

Pseudo labels of the training images; those of the last line come from the last network:

{_labels(method)}

mIoU of predictions on the val images:

{_predictions(method, run)}

mIoU of pseudo masks (`snakemake pseudo_masks`): the last network is told which classes each image
shows.

{_masks(told, masks_of_true_masks(run) if name == "full" else None)}
"""


def _labels(method: pd.Series) -> str:
    """The table of pseudo labels by round: one more than of predictions."""
    return markdown(
        ["round", "precision", "recall", "mIoU", "ignored"],
        (
            [str(r), *(f"{method[r, 'labels', metric, '']:.1f}" for metric in QUALITY)]
            for r in range(_rounds(method) + 1)
        ),
    )


def _predictions(method: pd.Series, run: str) -> str:
    """The table of predictions by round, beside what else teaches the same network."""
    by_round = [_miou(method[r], "predictions") for r in range(_rounds(method))]
    best = _miou(trained_on("masks", run), "predictions")
    return markdown(
        ["trained in round", *VARIANTS],
        [
            *(_row(str(r), values) for r, values in enumerate(by_round)),
            _row(
                "on the first labels, as many epochs in all",
                _miou(trained_on("seeds", run), "predictions"),
            ),
            _row("on true masks, as many epochs in all", best),
            _compared(by_round[-1], best),
        ],
    )


def _masks(told: pd.Series, told_ceiling: pd.Series | None) -> str:
    """The table of masks of networks that are told the classes, by split."""
    rows = [_row(split, _miou(told, split)) for split in ("train", "val")]
    if told_ceiling is not None:
        best = _miou(told_ceiling, "val")
        rows.append(_row("val, by the network trained on true masks", best))
        rows.append(_compared(_miou(told, "val"), best))
    return markdown(["split", *VARIANTS], rows)


def _rounds(method: pd.Series) -> int:
    return 1 + max(method.xs("predictions", level="subject").index.unique("round"))


def _miou(table: pd.Series, of: str) -> list[float]:
    return [table[of, "miou", variant] for variant in VARIANTS]


def _row(name: str, values: list[float]) -> list[str]:
    return [name, *(f"{value:.1f}" for value in values)]


def _compared(values: list[float], best: list[float]) -> list[str]:
    shares = (100 * value / top for value, top in zip(values, best, strict=True))
    return ["last round / true masks", *(f"{share:.0f} %" for share in shares)]


if __name__ == "__main__":
    main()
