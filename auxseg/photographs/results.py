"""What is written for a photograph, and how it is known again.

Mask and overlay carry a key: of the photograph's bytes, the network, and how that was used. It
tells results from files of others, and what is done from what is to do. Editors may keep it, so a
mask also carries a digest of its label: where that is another now, somebody has corrected it.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from auxseg.datasets.palette import Palette
from auxseg.errors import UserError
from auxseg.images import (
    encoded,
    fit,
    fit_mask,
    jpeg_comment,
    png_text,
    read_content,
    read_values,
    scaled_size,
    values_digest,
)
from auxseg.report.palette import overlay_classes, palette_picture
from auxseg.store import sha256, write_atomically

FORMAT_VERSION = 1
_JPEG_SIDE = 65_500  # the most pixels of a side that a JPEG can have
_KEYWORD = "auxseg-predict"


def mask_name(name: str) -> str:
    """The mask's file of a result, below the folder of results."""
    return f"{name}.png"


def overlay_name(name: str) -> str:
    """The overlay's file of a result, below the folder of results."""
    return f"{name}_overlay.jpg"


def key_of(photograph: bytes, recipe: str) -> str:
    """What the mask of a photograph is made from, as one digest.

    Args:
        photograph: the bytes of its file.
        recipe: of the segmenter.
    """
    digest = hashlib.sha256(photograph).hexdigest()
    return sha256(f"{FORMAT_VERSION} {recipe} {digest}")


def key_in(mask: Path) -> str | None:
    """The key of a mask; None where there is none of ours, or its label was changed since."""
    return _key_and_label(mask)[0]


def is_result(path: Path) -> bool:
    """Whether a file is a mask or an overlay of ours."""
    return key_in(path) is not None or _key_in_overlay(path) is not None


def in_the_way(folder: Path, name: str) -> list[Path]:
    """The files whose place a photograph's results would take, though they are no results."""
    places = (folder / mask_name(name), folder / overlay_name(name))
    return [path for path in places if os.path.lexists(path) and not is_result(path)]


def written_before(
    folder: Path, name: str, photograph: Path, recipe: str
) -> tuple[np.ndarray, str] | None:
    """The label (H, W) uint8 and the key of a mask that needs not be made again.

    None where there is no such mask, it is of another photograph or recipe, it is damaged or was
    changed, or the overlay of the same making is missing.
    """
    key, label = _key_and_label(folder / mask_name(name))
    if key is None or label is None or _key_in_overlay(folder / overlay_name(name)) != key:
        return None
    try:
        return (label, key) if key_of(read_content(photograph), recipe) == key else None
    except UserError:
        return None


def write_result(
    folder: Path, name: str, image: np.ndarray, label: np.ndarray, palette: Palette, key: str
) -> None:
    """Write a photograph's mask and overlay; the overlay of a very long one is scaled down.

    Args:
        folder: of the results.
        name: of the result.
        image: (H, W, 3) uint8 RGB.
        label: (H, W) uint8 class indices.
        palette: RGB of background and classes.
        key: what the label is made from.
    """
    text = PngInfo()
    text.add_text(_KEYWORD, f"{key} {values_digest(label)}")
    mask = encoded(palette_picture(label, palette), "PNG", pnginfo=text)
    write_atomically(folder / mask_name(name), mask)
    size = scaled_size(label.shape, _JPEG_SIDE)
    laid_over = Image.fromarray(overlay_classes(fit(image, size), fit_mask(label, size), palette))
    overlay = encoded(laid_over, "JPEG", quality=90, comment=f"{_KEYWORD} {key}")
    write_atomically(folder / overlay_name(name), overlay)


def _key_and_label(mask: Path) -> tuple[str | None, np.ndarray | None]:
    """A mask of ours, unchanged; without a label where it is damaged, without either if no such."""
    key, _, digest = (png_text(mask, _KEYWORD) or "").partition(" ")
    if not digest:
        return None, None
    try:
        label = read_values(mask)
    except UserError:  # damaged, not corrected: ours, and to be made again
        return key, None
    return (key, label) if values_digest(label) == digest else (None, None)


def _key_in_overlay(overlay: Path) -> str | None:
    """The key that an overlay carries; None where there is none of ours."""
    word, _, key = (jpeg_comment(overlay) or "").partition(" ")
    return key if word == _KEYWORD else None
