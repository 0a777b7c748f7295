"""The one form in which every data set hands over its photographs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

IGNORE = 255
BACKGROUND = 0

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
            where there is none. Stage index copies it into masks.h5, and nothing else calls it.
        saliency: a coarse saliency map the data set brings along.
    """

    id: str
    split: str
    image: Path
    labels: tuple[int, ...]
    mask: MaskReader | None = field(default=None, compare=False)
    saliency: Path | None = None


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
