"""Labels that may be wrong: a user decides whether they are."""

import numpy as np

from auxseg.datasets.record import BACKGROUND, IGNORE, Dataset, Record


def classes_without_photographs(data: Dataset) -> list[str]:
    """A sentence for each class that no training image shows: it cannot be learnt."""
    shown = {k for record in data.records if record.split == "train" for k in record.labels}
    return [
        f"class {name!r} has no training photograph."
        for k, name in enumerate(data.classes)
        if k not in shown
    ]


def contradictions(record: Record, mask: np.ndarray, classes: tuple[str, ...]) -> list[str]:
    """A sentence where image-level labels and true mask name different classes.

    Args:
        record: the image's.
        mask: (H, W) uint8, 0 background, k + 1 = class k, 255 unknown.
        classes: all names.
    """
    if record.split != "train" and not record.labels:
        return []  # nothing is said of it, and need not be
    found = {int(index) - 1 for index in np.unique(mask) if index not in (BACKGROUND, IGNORE)}
    unseen = [classes[k] for k in record.labels if k not in found and k not in record.unmarked]
    unnamed = [classes[k] for k in sorted(found - set(record.labels)) if k < len(classes)]
    faults = []
    if unseen:
        faults.append(f"image {record.id!r}: labelled {', '.join(unseen)}, not in its mask.")
    if unnamed:
        faults.append(f"image {record.id!r}: its mask shows {', '.join(unnamed)}, not a label.")
    return faults
