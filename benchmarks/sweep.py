"""How cost grows: with a photograph's size, with classes, with processes.

    .venv/bin/python benchmarks/sweep.py

How it grows with the number of photographs is benchmarks/memory.py's. Writes benchmarks/sweep.md.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from measure import ROUNDS, as_table, in_turns, machine
from speed_data import IMAGES, REPEATED, SIZE, Data, likely

from auxseg.config import SegmentationCrfOptions, TrainOptions
from auxseg.crf import segmentation_crf
from auxseg.nn import build_network
from auxseg.nn.folding import fold_batch_norm
from auxseg.nn.inference import class_probabilities
from auxseg.nn.network import AuxSegNet
from auxseg.ops.postprocess import segment_image
from auxseg.parallel import process_map
from auxseg.training.samples import CropDataset, batches

SIDES = (256, 512, 1024)
CLASSES = (5, 20, 80)
WORKERS = (1, 2, 4)
EPOCHS = 10
LABELS = 3  # that matter in a photograph
sharpen = segmentation_crf(SegmentationCrfOptions(), torch.device("cpu"))


def main() -> None:
    """Measure and write the page."""
    with tempfile.TemporaryDirectory() as name:
        data = Data.make(Path(name), None)
        tables = (by_size(data.images[0]), by_classes(data.images[0]), by_processes(data))
    page = document(*tables)
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def by_size(image: np.ndarray) -> pd.DataFrame:
    """Milliseconds of a square photograph, by its side."""
    columns = {}
    for side in SIDES:
        scaled = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
        found = np.stack([cv2.resize(p, (side, side)) for p in likely(0)[:LABELS]])
        forms = {
            "network, single scale": partial(probabilities, 20, network(20), scaled),
            f"CRF of {LABELS} labels, one process": partial(sharpen, scaled, found),
        }
        columns[f"{side} x {side}"] = milliseconds(forms)
    return pd.DataFrame(columns)


def by_classes(image: np.ndarray) -> pd.DataFrame:
    """Milliseconds of a photograph of VOC's size, by the classes that the network knows."""
    columns = {}
    for count in CLASSES:
        labels = np.resize(likely(0), (count + 1, *SIZE))
        forms = {
            "network, single scale": partial(probabilities, count, network(count), image),
            "CRF of all labels, one process": partial(sharpen, image, labels / labels.sum(axis=0)),
        }
        columns[f"{count} classes"] = milliseconds(forms)
    return pd.DataFrame(columns)


def by_processes(data: Data) -> pd.DataFrame:
    """Photographs a second, by the processes that work beside this one."""
    return pd.DataFrame({f"{n} processes": of_processes(data, n) for n in WORKERS})


def of_processes(data: Data, count: int) -> pd.Series:
    """Photographs a second by so many processes."""
    options = TrainOptions(crop_size=321, batch_size=IMAGES)
    targets = {"labels": data.labels, "saliency": data.saliency}
    dataset = CropDataset(data.index.entries, options, 0, **targets)
    loader, sampler = batches(dataset, IMAGES, count)
    planes, kept = np.zeros((2, *SIZE), np.uint8), np.arange(LABELS, dtype=np.uint8)
    pairs = zip(data.images, data.probabilities, strict=True)
    jobs = [(image, planes, found[:LABELS], kept) for image, found in pairs]
    segment = partial(segment_image, sharpen=sharpen)

    def samples(epochs: int) -> None:
        for epoch in range(epochs):
            sampler.begin(epoch)
            for _ in loader:
                pass

    def crfs(times: int) -> None:
        list(process_map(segment, jobs * times, count))

    return pd.Series(
        {
            "training samples": a_second(samples, len(dataset), EPOCHS),
            f"CRF of {LABELS} labels": a_second(crfs, IMAGES, REPEATED),
        }
    )


def network(classes: int) -> AuxSegNet:
    """An EfficientNet-Lite0 of random weights, as stages use it."""
    torch.manual_seed(0)
    built = build_network("tf_efficientnet_lite0", classes).eval()
    fold_batch_norm(built)
    return built.to(memory_format=torch.channels_last)


def probabilities(classes: int, built: AuxSegNet, image: np.ndarray) -> np.ndarray:
    """What the network says of a photograph."""
    return class_probabilities(built, image, np.arange(classes + 1), scales=(1.0,), flip=False)


def milliseconds(forms: dict[str, Callable[[], object]]) -> pd.Series:
    """Of each form, the median of rounds in which they take turns."""
    return pd.Series([1000 * s for s in in_turns(*forms.values())], index=list(forms))


def a_second(work: Callable[[int], None], images: int, times: int) -> float:
    """Images a second of work that starts processes: once, and so many times as much."""
    few, many = in_turns(partial(work, 1), partial(work, times))
    return images * (times - 1) / (many - few)


def document(*tables: pd.DataFrame) -> str:
    """The page of results, Markdown."""
    size, classes, processes = (as_table(table) for table in tables)
    return f"""# How cost grows

`.venv/bin/python benchmarks/sweep.py` on {machine()}.

Medians of {ROUNDS} rounds. Milliseconds of a square photograph, by its side in pixels; the network
(EfficientNet-Lite0, cross-task affinity) on all cores:

{size}

Milliseconds of a photograph of {SIZE[1]} x {SIZE[0]} pixels, by the number of classes:

{classes}

Photographs of {SIZE[1]} x {SIZE[0]} pixels a second, by the processes beside the network's:

{processes}
"""


if __name__ == "__main__":
    main()
