"""Class maps and CAMs in colour, laid over their photograph."""

import numpy as np
from matplotlib import colormaps
from PIL import Image

from auxseg.datasets.palette import Palette, voc_palette
from auxseg.datasets.record import BACKGROUND, IGNORE

IGNORED_VOC = (224, 224, 192)
_CLASS_OPACITY = 0.75
_FADE = 0.35  # of background: objects stand out, and the photograph stays one
_HATCH = 5
_HATCH_GREYS = (255, 150)


def full_palette(palette: Palette) -> np.ndarray:
    """(256, 3) uint8: a run's colours, VOC's for indices beyond them, VOC's cream for ignored."""
    colors = np.array(voc_palette(256), dtype=np.uint8)
    colors[: len(palette)] = np.asarray(palette, dtype=np.uint8).reshape(-1, 3)
    colors[IGNORE] = IGNORED_VOC
    return colors


def palette_picture(classes: np.ndarray, palette: Palette) -> Image.Image:
    """(H, W) uint8 class indices as a palette image."""
    image = Image.fromarray(classes)
    image.putpalette(full_palette(palette).tobytes())
    return image


def overlay_classes(photo: np.ndarray, classes: np.ndarray, palette: Palette) -> np.ndarray:
    """Classes in their colours over the grey photograph, the background faded, ignored hatched.

    Args:
        photo: (H, W, 3) uint8.
        classes: (H, W) uint8: 0 background, 255 ignored.
        palette: RGB of background and classes.

    Returns:
        (H, W, 3) uint8.
    """
    picture = _mix(photo, np.array(255), _FADE)
    for at, colors in (
        ((classes != BACKGROUND) & (classes != IGNORE), full_palette(palette)[classes]),
        (classes == IGNORE, hatch(*classes.shape)[..., None]),
    ):
        grey = photo[at].mean(axis=1, keepdims=True)
        picture[at] = _mix(grey, colors[at], _CLASS_OPACITY)
    return _to_bytes(picture)


def hatch(height: int, width: int) -> np.ndarray:
    """(height, width) uint8: diagonal stripes in two greys, the sign for an ignored pixel."""
    rows, columns = np.indices((height, width))
    dark = (rows + columns) // _HATCH % 2 == 1
    return np.where(dark, _HATCH_GREYS[1], _HATCH_GREYS[0]).astype(np.uint8)


def overlay_heat(photo: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A map in [0, 1] as heat over the grey photograph; the hotter, the less photograph.

    Args:
        photo: (H, W, 3) uint8.
        heat: (H, W) float in [0, 1].

    Returns:
        (H, W, 3) uint8.
    """
    grey = np.repeat(photo.mean(axis=2, keepdims=True), 3, axis=2)
    return _to_bytes(_mix(grey, heat_colors(heat), 0.45 + 0.4 * np.clip(heat, 0, 1)[..., None]))


def heat_colors(heat: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 of a map in [0, 1]: dark violet over red to pale yellow."""
    return colormaps["inferno"](np.clip(heat.astype(np.float32), 0, 1), bytes=True)[..., :3]


def _mix(below: np.ndarray, above: np.ndarray, opacity: float | np.ndarray) -> np.ndarray:
    return below.astype(np.float32) * (1 - opacity) + above.astype(np.float32) * opacity


def _to_bytes(picture: np.ndarray) -> np.ndarray:
    return np.clip(picture.round(), 0, 255).astype(np.uint8)
