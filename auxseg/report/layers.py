"""The pictures that the browser lays over a photograph, as encoded files."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from auxseg.datasets.index_file import Entry
from auxseg.datasets.palette import Palette
from auxseg.datasets.record import IGNORE
from auxseg.images import encoded, fit, fit_mask, scaled_size
from auxseg.report.palette import heat_colors, palette_picture
from auxseg.report.panels import fit_heat
from auxseg.report.tiles import ClassMaps, Maps

LONGEST_SIDE = 400
_MIME = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".csv": "text/csv",
    ".yaml": "application/yaml",
}
_IGNORED_OPACITY = 120


@dataclass(frozen=True)
class Encoded:
    """One picture of an image.

    Attributes:
        title: what it is.
        suffix: of the file, with its dot.
        content: the file.
    """

    title: str
    suffix: str
    content: bytes


def data_url(content: bytes, suffix: str) -> str:
    """A file as an URL that holds it."""
    return f"data:{_MIME[suffix]};base64,{base64.b64encode(content).decode()}"


def photograph(photo: np.ndarray) -> Encoded:
    """(H, W, 3) uint8 as JPEG, its longer side at most `LONGEST_SIDE`."""
    return _jpeg("Photograph", fit(photo, _shown_size(photo.shape[:2])))


def layers_of(
    entry: Entry, maps: Maps, of_classes: ClassMaps, palette: Palette
) -> Iterator[Encoded]:
    """Whatever maps there are of an image, in the order of the stages.

    Args:
        entry: the image's.
        maps: open artifacts; any may lack this image.
        of_classes: what they hold of it in classes.
        palette: RGB of background and classes.
    """
    size = _shown_size(entry.size)
    if entry.id in maps.saliency:
        yield _jpeg("Saliency", fit(maps.saliency.read(entry.id), size))
    if maps.cam is not None and entry.id in maps.cam:
        heat = fit_heat(maps.cam.read(entry.id).max(axis=0), size)
        yield _jpeg("CAM", heat_colors(heat))
    for title, classes in of_classes.titled():
        yield _class_png(title, fit_mask(classes, size), palette)


def grey_png(values: np.ndarray) -> bytes:
    """(H, W) uint8 as a grey PNG."""
    return encoded(Image.fromarray(values), "PNG", optimize=True)


def _shown_size(size: tuple[int, ...]) -> tuple[int, int]:
    return scaled_size((size[0], size[1]), LONGEST_SIDE)


def _jpeg(title: str, picture: np.ndarray) -> Encoded:
    return Encoded(title, ".jpg", encoded(Image.fromarray(picture), "JPEG", quality=82))


def _class_png(title: str, classes: np.ndarray, palette: Palette) -> Encoded:
    """Palette PNG through which the photograph shows where there is background."""
    image = palette_picture(classes, palette)
    opacity = np.full(256, 255, dtype=np.uint8)
    opacity[0], opacity[IGNORE] = 0, _IGNORED_OPACITY
    return Encoded(
        title, ".png", encoded(image, "PNG", transparency=opacity.tobytes(), optimize=True)
    )
