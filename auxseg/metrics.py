"""Figures from integer counts: a confusion matrix that grows image by image."""

import numpy as np

from auxseg.datasets.record import IGNORE


class Confusion:
    """Counts of (true class, predicted class) pixels.

    Args:
        num_classes: C + 1, background included.

    Attributes:
        counts: (C + 1, C + 2) int64; rows are true classes, columns predicted ones, the last column
            pixels that the prediction ignores (255). Pixels of unknown truth (255) are not counted.
        images: images added.
    """

    def __init__(self, num_classes: int) -> None:
        self.counts = np.zeros((num_classes, num_classes + 1), dtype=np.int64)
        self.images = 0

    def add(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        """Count one image: truth and prediction, (H, W) uint8 of indices and 255.

        Raises:
            ValueError: different shapes, other types, or an index that is no class.
        """
        if not truth.dtype == predicted.dtype == np.uint8:
            raise ValueError(f"{truth.dtype} and {predicted.dtype} where both must be uint8")
        if truth.shape != predicted.shape:
            raise ValueError(f"truth {truth.shape} and prediction {predicted.shape} differ in size")
        # One histogram of all pairs of bytes: it tells what is no class, too.
        pairs = truth.astype(np.uint16) << 8 | predicted
        every = np.bincount(pairs.ravel(), minlength=1 << 16).reshape(1 << 8, 1 << 8)
        indices = [*range(len(self.counts)), IGNORE]
        counts = every[np.ix_(indices, indices)]
        if counts.sum() != truth.size:
            raise ValueError(f"an index above {len(self.counts) - 1} that is not 255")
        self.counts += counts[:-1]
        self.images += 1

    def iou(self) -> np.ndarray:
        """(C + 1,) float64: intersection over union; an ignored pixel counts as missed.

        NaN for a class that is neither in the truth nor predicted.
        """
        union = self.counts.sum(axis=1) + self._predicted() - self._hits()
        return _ratio(self._hits(), union)

    def precision(self) -> np.ndarray:
        """(C + 1,) float64: share of a class's predicted pixels that are right; NaN if none is."""
        return _ratio(self._hits(), self._predicted())

    def recall(self) -> np.ndarray:
        """(C + 1,) float64: share of a class's true pixels found; an ignored pixel is missed."""
        return _ratio(self._hits(), self.counts.sum(axis=1))

    def ignored(self) -> float:
        """Share of the counted pixels that the prediction ignores."""
        return float(self.counts[:, -1].sum() / max(1, self.counts.sum()))

    def _hits(self) -> np.ndarray:
        return np.diagonal(self.counts)

    def _predicted(self) -> np.ndarray:
        return self.counts[:, :-1].sum(axis=0)


def mean(values: np.ndarray) -> float:
    """The mean over classes that have a value."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
