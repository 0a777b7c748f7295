"""The one form in which every data set hands over its photographs."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

IGNORE = 255
BACKGROUND = 0
MOST_CLASSES = 254  # that uint8 maps tell apart beside these two

MaskReader = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Record:
    """One photograph and what is known of it.

    Attributes:
        id: unique in the data set; file stem in most layouts.
        split: "train", "val" or "test".
        image: the photograph's file.
        labels: indices of the foreground classes present, 0-based into `Dataset.classes`.
        mask: reads the true mask, (H, W) uint8: 0 background, k + 1 = class k, 255 ignore; None
            where there is none. Stage index checks it, stage masks copies it, no other calls it.
        saliency: a coarse saliency map the data set brings along.
        unmarked: those of `labels` whose pixels the true mask has as unknown.
    """

    id: str
    split: str
    image: Path
    labels: tuple[int, ...]
    mask: MaskReader | None = field(default=None, compare=False)
    saliency: Path | None = None
    unmarked: tuple[int, ...] = ()


def mask_faults(
    image_id: str, mask: np.ndarray, size: tuple[int, ...], num_classes: int
) -> list[str]:
    """A sentence for each way in which a true mask does not fit its photograph and the classes."""
    name = f"mask of image {image_id!r}"
    faults = size_faults(name, mask, size)
    strange = np.unique(mask[(mask > num_classes) & (mask != IGNORE)])
    if strange.size:
        faults.append(
            f"{name}: value {strange[0]} is no class; allowed are 0 (background), 1 to "
            f"{num_classes} and 255 (unknown)."
        )
    return faults


def class_faults(classes: Sequence[str]) -> list[str]:
    """A sentence each for a class of the background's name, and for too many to tell apart."""
    faults = [
        f"class {name!r}: the background is no class to learn, every map has it as 0; leave these "
        f"photographs out of split train, or name the class otherwise."
        for name in classes
        if name.casefold() == "background"
    ]
    if len(classes) > MOST_CLASSES:
        faults.append(
            f"{len(classes)} classes are more than the limit of {MOST_CLASSES}; merge some."
        )
    return faults


def size_faults(name: str, values: np.ndarray, size: tuple[int, ...]) -> list[str]:
    """A sentence where a map has another (height, width) than its photograph."""
    if values.shape == size:
        return []
    return [
        f"{name}: {values.shape[1]} x {values.shape[0]} pixels, but the image has "
        f"{size[1]} x {size[0]}; make it from that very image."
    ]


@dataclass(frozen=True)
class Dataset:
    """A data set's classes and records.

    Attributes:
        classes: foreground class names in the order of their indices.
        records: all photographs of all splits.
        faults: what is wrong with lists and label files, a sentence each; `index` adds what is
            wrong with the photographs themselves and reports all at once.
        palette: RGB of background and each class, len(classes) + 1 rows.
    """

    classes: tuple[str, ...]
    records: tuple[Record, ...]
    faults: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int], ...] = ()


def list_faults(data: Dataset) -> list[str]:
    """What is wrong with a data set before any of its photographs is opened, a sentence each."""
    counts = Counter(record.id for record in data.records)
    repeated = [
        f"image id {image_id!r} stands for {count} photographs; rename all but one."
        for image_id, count in counts.items()
        if count > 1
    ]
    faults = [*data.faults, *repeated, *class_faults(data.classes)]
    if not faults and not any(record.split == "train" for record in data.records):
        faults.append("split 'train' is empty; check the lists that section index names.")
    return faults


def without_mask(image_ids: Sequence[str], count: int) -> str:
    """That these of so many training photographs have no true mask to train on."""
    return (
        f"{len(image_ids)} of {count} training photographs have no true mask, such as "
        f"{image_ids[0]!r}; add theirs, or leave them out of split train."
    )
