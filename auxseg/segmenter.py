"""A trained network that segments photographs of any size."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auxseg import __version__
from auxseg.config import PredictOptions
from auxseg.crf import segmentation_crf
from auxseg.datasets.palette import Palette
from auxseg.images import fit, scaled_size
from auxseg.nn.inference import class_probabilities, device_of
from auxseg.nn.network import AuxSegNet
from auxseg.nn.weights import load_network
from auxseg.ops.postprocess import Sharpen, label_photograph
from auxseg.runtime import Runtime, place
from auxseg.store import file_digest, sha256


@dataclass(frozen=True)
class Segmenter:
    """A network, and how it is used.

    Attributes:
        classes: C names of foreground classes.
        palette: RGB of background and classes.
        longest_side: larger photographs are scaled down to it for the network, pixels.
        recipe: a digest of the weights and of all that follows: equal where masks are.
        scales: that probabilities are averaged over.
        flip: average with the mirrored photograph.
        sharpen: the dense CRF; None leaves it out.
        precision: of the network: 32-true, bf16-mixed or 16-mixed.
    """

    network: AuxSegNet
    classes: tuple[str, ...]
    palette: Palette
    longest_side: int
    recipe: str
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    sharpen: Sharpen | None = None
    precision: str = "32-true"

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Photograph (H, W, 3) uint8 RGB to (H, W) uint8: 0 background, k + 1 = class k."""
        small, probabilities = self.probabilities(image)
        return label_photograph(small, probabilities, image.shape[:2], self.sharpen)

    def probabilities(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the network sees of a photograph, and what it says of it, before any CRF.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            The photograph, scaled down where it is larger than `longest_side`, (h, w, 3) uint8,
            and the probabilities of background and classes, (C + 1, h, w) float32.
        """
        small = fit(image, scaled_size(image.shape[:2], self.longest_side))
        labels = np.arange(len(self.classes) + 1)
        maps = class_probabilities(
            self.network,
            small,
            labels,
            scales=self.scales,
            flip=self.flip,
            precision=self.precision,
        )
        return small, maps


def load_segmenter(
    weights: Path | str,
    options: PredictOptions | None = None,
    *,
    multiscale: bool = False,
    use_crf: bool = False,
    longest_side: int | None = None,
    runtime: Runtime | None = None,
) -> Segmenter:
    """The segmenter of a weights file.

    Args:
        weights: the .safetensors file of a multi-task network.
        options: scales, flip, precision and the CRF's constants; None = their defaults.
        multiscale: average over the options' scales and, if they say so, mirror images.
        use_crf: sharpen by the dense CRF.
        longest_side: larger photographs are scaled down to it, pixels; None = the size that the
            network learnt on.
        runtime: threads and device; None = one thread, and a GPU where there is one.

    Raises:
        UserError: not a weights file of ours, or not a multi-task network's.
    """
    options = options or PredictOptions()
    network, description = load_network(weights)
    place(network, runtime or Runtime())
    longest_side = longest_side or description["longest_side"]
    scales = options.scales if multiscale else (1.0,)
    flip = multiscale and options.flip
    crf = options.crf if use_crf else None
    used = [longest_side, scales, flip, options.precision, crf and crf.model_dump(mode="json")]
    return Segmenter(
        network=network,
        classes=tuple(description["classes"]),
        palette=[tuple(colour) for colour in description["palette"]],
        longest_side=longest_side,
        recipe=sha256(json.dumps([__version__, file_digest(Path(weights)), *used])),
        scales=scales,
        flip=flip,
        sharpen=None if crf is None else segmentation_crf(crf, device_of(network)),
        precision=options.precision,
    )
