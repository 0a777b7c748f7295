"""Quality of saliency maps: MAE, maximal F-measure, S-measure, IoU."""

import numpy as np
from py_sod_metrics import MAE, FmeasureHandler, FmeasureV2, Smeasure

from auxseg.datasets.record import BACKGROUND, IGNORE
from auxseg.ops.saliency import SALIENT


class SaliencyMeasures:
    """Collects the field's measures over images, by pysodmetrics.

    Every class counts as salient, and maps are scored as they are, not stretched to their own
    range. Pixels of unknown truth are left out; the S-measure, which needs whole rectangles, has
    them on the map's own side.
    """

    def __init__(self) -> None:
        self.images = 0
        """Of which something is known."""
        self._mae = MAE()
        self._f_measure = FmeasureV2(
            {"fm": FmeasureHandler(with_dynamic=True, with_adaptive=False)}
        )
        self._s_measure = Smeasure()
        self._intersection = 0
        self._union = 0

    def add(self, truth: np.ndarray, saliency: np.ndarray) -> None:
        """Score one map: truth (H, W) uint8 class indices, saliency (H, W) uint8 of 0..255."""
        known = truth != IGNORE
        if not known.any():
            return
        self.images += 1
        found, salient = saliency >= SALIENT, truth != BACKGROUND
        self._intersection += int((salient & found)[known].sum())
        self._union += int((salient | found)[known].sum())
        share = saliency / 255.0
        for measure in (self._mae, self._f_measure):
            measure.step(pred=share[known][None], gt=salient[known][None], normalize=False)
        filled = np.where(known, salient, found)
        self._s_measure.step(pred=share, gt=filled, normalize=False)

    def values(self) -> dict[str, float]:
        """Means over images, each in [0, 1], iou over all pixels, at 0.5; of no image none."""
        if not self.images:
            return {}
        return {
            "mae": float(self._mae.get_results()["mae"]),
            "max_f": float(self._f_measure.get_results()["fm"]["dynamic"].max()),
            "s_measure": float(self._s_measure.get_results()["sm"]),
            "iou": self._intersection / max(1, self._union),
        }
