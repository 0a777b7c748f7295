"""Picture panels: one photograph and what each step made of it, in a row, with a legend."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice, zip_longest

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from auxseg.datasets.index_file import Entry
from auxseg.datasets.palette import Palette
from auxseg.datasets.record import BACKGROUND, IGNORE
from auxseg.report.fonts import font_file, writable
from auxseg.report.palette import hatch

PATTERN = "*-[0-9][0-9]*-*.png"  # of the names of panels
TILE = 256
TITLE_HEIGHT = 38
_GAP = 10
_MOST_COLUMNS = 10
_LEGEND_HEIGHT = 40
_SWATCH = 24
_TITLE_SIZE = 22
_LEGEND_SIZE = 20
_INK = (45, 48, 54)
_PAPER = (255, 255, 255)
_FRAME = (190, 194, 200)


@dataclass(frozen=True)
class Tile:
    """One picture of a panel.

    Attributes:
        title: stands above it.
        picture: (H, W, 3) uint8; drawn pixel for pixel.
    """

    title: str
    picture: np.ndarray


def choose(entries: Sequence[Entry], count: int) -> list[Entry]:
    """Up to `count` entries, the classes taking turns in their order; no result is looked at.

    Returns:
        Chosen entries in the order of `entries`.
    """
    classes = range(len(entries[0].labels) if entries else 0)
    queues = [[i for i, entry in enumerate(entries) if entry.labels[k]] for k in classes]
    turns = (i for turn in zip_longest(*queues) for i in turn if i is not None)
    order = dict.fromkeys(chain(turns, range(len(entries))))
    return [entries[i] for i in sorted(islice(order, count))]


def tile_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) of an image fitted into the square of a tile."""
    scale = TILE / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def fit_photo(photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W, C) or (H, W) uint8 photograph or map resampled smoothly to `size`."""
    image = Image.fromarray(photo).resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(image)


def fit_heat(heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w) float map resampled bilinearly to `size`, float32."""
    image = Image.fromarray(heat.astype(np.float32))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def compose(
    tiles: Sequence[Tile], present: Iterable[int], classes: Sequence[str], palette: Palette
) -> Image.Image:
    """A panel: titled tiles side by side (more than ten wrap evenly) above the legend.

    Args:
        tiles: all of one size.
        present: class indices that the legend names, 0 background, 255 ignored.
        classes: foreground class names.
        palette: RGB of background and classes.
    """
    lines = math.ceil(len(tiles) / _MOST_COLUMNS)
    columns = math.ceil(len(tiles) / lines)
    line_height = TITLE_HEIGHT + max(tile.picture.shape[0] for tile in tiles) + _GAP
    width = columns * (TILE + _GAP) - _GAP
    legend = _legend(sorted(set(present)), classes, palette, width)
    panel = Image.new("RGB", (width, lines * line_height + legend.height), _PAPER)
    draw = ImageDraw.Draw(panel)
    for number, tile in enumerate(tiles):
        line, column = divmod(number, columns)
        left, top = column * (TILE + _GAP), line * line_height
        draw.text((left, top + 6), tile.title, _INK, _font(_TITLE_SIZE, tile.title))
        panel.paste(Image.fromarray(tile.picture), (left, top + TITLE_HEIGHT))
    panel.paste(legend, (0, lines * line_height))
    return panel


def file_name(entry: Entry, number: int) -> str:
    """The file of a panel."""
    return f"{entry.split}-{number:02d}-{slug(entry.id)}.png"


def slug(image_id: str) -> str:
    """What every file system and URL bears of an id."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", image_id)[:60]


def _legend(
    present: Sequence[int], classes: Sequence[str], palette: Palette, width: int
) -> Image.Image:
    """A strip of swatches and names, as many lines as they need."""
    placed: list[tuple[int, str, int, int]] = []
    left, line = 0, 0
    for index in present:
        name = _class_name(index, classes)
        step = _SWATCH + 9 + math.ceil(_font(_LEGEND_SIZE, name).getlength(name)) + 28
        if left and left + step - 28 > width:
            left, line = 0, line + 1
        placed.append((index, name, left, line * _LEGEND_HEIGHT))
        left += step
    strip = Image.new("RGB", (width, (line + 1) * _LEGEND_HEIGHT), _PAPER)
    draw = ImageDraw.Draw(strip)
    for index, name, x, y in placed:
        strip.paste(_swatch(index, palette), (x, y + 8))
        middle = (x + _SWATCH + 9, y + 8 + _SWATCH // 2)
        draw.text(middle, name, _INK, _font(_LEGEND_SIZE, name), anchor="lm")
    return strip


def _class_name(index: int, classes: Sequence[str]) -> str:
    if index == BACKGROUND:
        return "background"
    return "ignored" if index == IGNORE else writable(classes[index - 1], index)


def _swatch(index: int, palette: Palette) -> Image.Image:
    """A class's own colour; background is the faded photograph, ignored the hatching."""
    if index == IGNORE:
        swatch = Image.fromarray(hatch(_SWATCH, _SWATCH)).convert("RGB")
    else:
        color = (244, 245, 246) if index == BACKGROUND else tuple(palette[index])
        swatch = Image.new("RGB", (_SWATCH, _SWATCH), color)
    if index in (BACKGROUND, IGNORE):
        ImageDraw.Draw(swatch).rectangle((0, 0, _SWATCH - 1, _SWATCH - 1), outline=_FRAME)
    return swatch


@cache
def _font(size: int, text: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_file(text), size)
