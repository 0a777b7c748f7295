"""A finished run of two rounds on black photographs with masks of class 1 on the left."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from safetensors.numpy import save_file

from auxseg.datasets.index_file import Entry, Index, write_index
from auxseg.description import description_metadata
from auxseg.store import Header, MapWriter

CLASSES = ("<b>", "dog")
PALETTE = ((0, 0, 0), (128, 0, 0), (0, 200, 40))
IDS = {"train": ["t 1", "t/2 ü%"], "val": ["v1"]}
HEIGHT, WIDTH = 20, 40
ROUNDS = 2
METRICS = ["subject", "split", "scales", "flip", "crf", "images", "metric", "value"]
PER_CLASS = ["subject", "split", "scales", "flip", "crf", "class", "iou", "precision", "recall"]


def make_run(root: Path) -> Path:
    """The run's folder, below the photographs'."""
    run = root / "demo"
    entries = [
        _entry(root / f"{split}{number}.png", split, image_id, number % 2)
        for split, ids in IDS.items()
        for number, image_id in enumerate(ids)
    ]
    write_index(run / "index.h5", _header("index"), Index(CLASSES, PALETTE, tuple(entries)))
    half = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    half[:, : WIDTH // 2] = 1
    everywhere = IDS["train"] + IDS["val"]
    write_maps(run / "masks.h5", "masks", dict.fromkeys(everywhere, half))
    write_maps(run / "saliency.h5", "saliency", dict.fromkeys(IDS["train"], half * 255))
    cam = np.ones((1, HEIGHT // 4, WIDTH // 4), dtype=np.float16)
    write_maps(run / "cam.h5", "cam", dict.fromkeys(IDS["train"], cam), classes=[0])
    _weights(run / "classifier" / "weights.safetensors", {"epochs": 7})
    _history(run / "classifier" / "history.csv")
    for number in range(ROUNDS + 1):
        labels = dict.fromkeys(IDS["train"], half * 255)
        write_maps(run / f"round{number}" / "labels.h5", "labels", labels, "cam")
        _tables(run / f"round{number}", number)
    for number in range(ROUNDS):
        planes = np.stack([half * 0, half * 2])
        path = run / f"round{number}" / "predictions.h5"
        write_maps(path, "predictions", {"v1": planes})
        _history(run / f"round{number}" / "history.csv")
    return run


def _entry(path: Path, split: str, image_id: str, label: int) -> Entry:
    Image.new("RGB", (WIDTH, HEIGHT)).save(path)
    return Entry(image_id, split, path, HEIGHT, WIDTH, np.arange(2) == label, None)


def _header(kind: str, *inputs: str) -> Header:
    variants = {"variants": ["single", "multiscale"]}
    return Header(kind, json.dumps({"made": kind}), dict.fromkeys(inputs, "abc"), variants)


def write_maps(
    path: Path, kind: str, maps: dict[str, np.ndarray], *inputs: str, **attributes
) -> None:
    with MapWriter(path, _header(kind, *inputs)) as writer:
        for image_id, values in maps.items():
            writer.put(image_id, values, **attributes)


def _weights(path: Path, options: dict) -> None:
    path.parent.mkdir(parents=True)
    model = {"backbone": "test_efficientnet"}
    description = {
        "kind": "classifier", "classes": CLASSES, "model": model, "options": options
    }  # fmt: skip
    save_file({"x": np.zeros(1)}, path, description_metadata(description))


def _history(path: Path) -> None:
    steps = pd.DataFrame({"epoch": [0, 1], "step": [0, 1], "learning_rate": 0.1, "loss": [2, 1]})
    steps.to_csv(path, index=False)


def _tables(folder: Path, number: int) -> None:
    labels, predictions = ["labels", "train", "", "", ""], ["predictions", "val", "1", False, False]
    rows = [[*labels, 2, "miou", "0.123456"]]
    classes = [[*labels, "<b>", 0.5, 0.5, 0.5]]
    if number < ROUNDS:
        rows.append([*predictions, 1, "miou", "0.654321"])
        classes.append([*predictions, "<b>", 0.25, 0.5, 0.5])
    pd.DataFrame(rows, columns=METRICS).to_csv(folder / "metrics.csv", index=False)
    pd.DataFrame(classes, columns=PER_CLASS).to_csv(folder / "per_class.csv", index=False)
