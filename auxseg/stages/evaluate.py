"""Scores a round: mIoU of its predictions, quality of its pseudo labels and saliency.

Reads:  index.h5, masks.h5, and what is to be scored of labels, saliency and predictions.
Writes: round{r}/metrics.csv, a row a figure with its split, scales, flip, CRF and number of
        images, and round{r}/per_class.csv. Both have no rows where the data set has no masks.

Of background and classes, recall is a mean over those that occur, precision over those that are
labelled somewhere, IoU over either: 0 where a class is found and never there. A pixel that pseudo
labels ignore counts as missed in recall and IoU.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from auxseg.config import EvaluateOptions
from auxseg.datasets.index_file import Index, read_index
from auxseg.metrics import Confusion, mean
from auxseg.ops.saliency_measures import SaliencyMeasures
from auxseg.runtime import progress
from auxseg.store import MapReader, write_atomically

METRIC_COLUMNS = ["subject", "split", "scales", "flip", "crf", "images", "metric", "value"]
CLASS_COLUMNS = [
    "subject", "split", "scales", "flip", "crf", "class", "iou", "precision", "recall"
]  # fmt: skip


def run(
    options: EvaluateOptions,
    *,
    index: Path,
    masks: Path,
    metrics: Path,
    per_class: Path,
    labels: Path | None = None,
    saliency: Path | None = None,
    predictions: Path | None = None,
) -> None:
    """Write metrics.csv and per_class.csv of what there is."""
    table = read_index(index)
    figures: list[dict[str, Any]] = []
    classes: list[dict[str, Any]] = []
    with MapReader(masks, "masks") as truth:
        if labels is not None:
            with MapReader(labels, "labels") as maps:
                for split, (counts,) in _count(truth, maps, table, 1).items():
                    subject = {"subject": "labels", "split": split}
                    names = ("precision", "recall", "miou", "ignored")
                    figures += _figures(subject, counts, names)
                    classes += _per_class(subject, counts, table)
        if predictions is not None:
            with MapReader(predictions, "predictions") as maps:
                variants = maps.attributes["variants"]
                for split, counted in _count(truth, maps, table, len(variants)).items():
                    for variant, counts in zip(variants, counted, strict=True):
                        subject = {**_subject(variant, maps.attributes), "split": split}
                        figures += _figures(subject, counts, ("miou",))
                        classes += _per_class(subject, counts, table)
        if saliency is not None and options.saliency:
            with MapReader(saliency, "saliency") as maps:
                figures += _saliency_figures(truth, maps)
    _write(metrics, figures, METRIC_COLUMNS)
    _write(per_class, classes, CLASS_COLUMNS)


def _count(
    truth: MapReader, maps: MapReader, index: Index, planes: int
) -> dict[str, list[Confusion]]:
    """By split a confusion matrix a plane, over the images that have map and mask."""
    entries = [e for e in index.entries if e.id in maps and e.id in truth]
    counts = {
        split: [Confusion(len(index.classes) + 1) for _ in range(planes)]
        for split in dict.fromkeys(entry.split for entry in entries)
    }
    for entry in progress(entries, f"evaluate {maps.attributes['kind']}", len(entries)):
        mask = truth.read(entry.id)
        predicted = maps.read(entry.id, mask.shape).reshape(planes, *mask.shape)
        for count, plane in zip(counts[entry.split], predicted, strict=True):
            count.add(mask, plane)
    return counts


def _subject(variant: str, about: Mapping[str, Any]) -> dict[str, Any]:
    many = variant.startswith("multiscale")
    made_by = json.loads(about["options"])
    return {
        "subject": "pseudo masks" if about["known_classes"] else "predictions",
        "scales": " ".join(f"{s:g}" for s in made_by["scales"]) if many else "1",
        "flip": bool(made_by["flip"]) if many else False,
        "crf": variant.endswith("+crf"),
    }


def _figures(
    subject: dict[str, Any], counts: Confusion, names: tuple[str, ...]
) -> list[dict[str, Any]]:
    values = {
        "precision": mean(counts.precision()),
        "recall": mean(counts.recall()),
        "miou": mean(counts.iou()),
        "ignored": counts.ignored(),
    }
    return [
        {**subject, "images": counts.images, "metric": name, "value": values[name]}
        for name in names
    ]


def _per_class(subject: dict[str, Any], counts: Confusion, index: Index) -> list[dict[str, Any]]:
    columns = zip(
        ("background", *index.classes),
        counts.iou(),
        counts.precision(),
        counts.recall(),
        strict=True,
    )
    return [
        {**subject, "class": name, "iou": iou, "precision": precision, "recall": recall}
        for name, iou, precision, recall in columns
    ]


def _saliency_figures(truth: MapReader, maps: MapReader) -> list[dict[str, Any]]:
    ids = [image_id for image_id in maps.ids() if image_id in truth]
    measures = SaliencyMeasures()
    for image_id in progress(ids, "evaluate saliency", len(ids)):
        mask = truth.read(image_id)
        measures.add(mask, maps.read(image_id, mask.shape))
    subject = {"subject": "saliency", "split": "train", "images": measures.images}
    return [{**subject, "metric": name, "value": v} for name, v in measures.values().items()]


def _write(path: Path, rows: list[dict[str, Any]], columns: list[str]) -> None:
    frame = pd.DataFrame(rows, columns=columns)
    write_atomically(path, frame.to_csv(index=False, float_format="%.6f").encode())
