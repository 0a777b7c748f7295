"""PASCAL VOC's colours of class indices, with which every mask of a data set is shown."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from auxseg.images import encoded

Palette = Sequence[tuple[int, int, int]]
"""RGB of background and classes, or of all 256 indices."""


def voc_palette(count: int) -> tuple[tuple[int, int, int], ...]:
    """RGB of the indices 0 ... count - 1: the bits of the index, spread over the colour bits."""
    return tuple(_colour(index) for index in range(count))


def index_picture(labels: np.ndarray) -> Image.Image:
    """(H, W) uint8 class indices as a palette image in VOC's colours."""
    picture = Image.fromarray(labels)
    picture.putpalette([value for colour in voc_palette(256) for value in colour])
    return picture


def index_png(labels: np.ndarray) -> bytes:
    """The file of `index_picture`."""
    return encoded(index_picture(labels), "PNG")


def _colour(index: int) -> tuple[int, int, int]:
    red = green = blue = 0
    for bit in range(8):
        place = 7 - bit
        red |= (index >> (3 * bit) & 1) << place
        green |= (index >> (3 * bit + 1) & 1) << place
        blue |= (index >> (3 * bit + 2) & 1) << place
    return red, green, blue
