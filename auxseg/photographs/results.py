"""What is written for a photograph, and how it is known again.

A mask carries, as text of its PNG, a key: of the photograph's bytes, the network, and how that was
used. It tells results from files of others, and what is done from what is to do. The overlay
beside it is written last, so that where both are there, both are of one making.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from auxseg.datasets.palette import Palette
from auxseg.errors import UserError
from auxseg.images import encoded, png_text, read_content, read_mask
from auxseg.pictures import palette_picture
from auxseg.report.palette import overlay_classes
from auxseg.store import sha256, write_atomically

FORMAT_VERSION = 1
_OVERLAY = "_overlay.jpg"
_KEYWORD = "auxseg-predict"


def mask_name(name: str) -> str:
    """The mask's file of a result, below the folder of results."""
    return f"{name}.png"


def overlay_name(name: str) -> str:
    """The overlay's file of a result, below the folder of results."""
    return f"{name}{_OVERLAY}"


def key_of(photograph: bytes, recipe: str) -> str:
    """What the mask of a photograph is made from, as one digest.

    Args:
        photograph: the bytes of its file.
        recipe: of the segmenter.
    """
    digest = hashlib.sha256(photograph).hexdigest()
    return sha256(f"{FORMAT_VERSION} {recipe} {digest}")


def key_in(mask: Path) -> str | None:
    """The key that a mask carries; None where there is no mask of ours."""
    return png_text(mask, _KEYWORD)


def is_result(path: Path) -> bool:
    """Whether a file is a mask of ours, or the overlay beside one."""
    stem = path.name.removesuffix(_OVERLAY)
    mask = path if stem == path.name else path.with_name(mask_name(stem))
    return key_in(mask) is not None


def in_the_way(folder: Path, name: str) -> list[Path]:
    """The files whose place a photograph's results would take, though they are no results."""
    mask, overlay = folder / mask_name(name), folder / overlay_name(name)
    if key_in(mask) is not None:
        return []
    return [path for path in (mask, overlay) if os.path.lexists(path)]


def written_before(
    folder: Path, name: str, photograph: Path, recipe: str
) -> tuple[np.ndarray, str] | None:
    """The label (H, W) uint8 and the key of a mask that needs not be made again.

    None where there is no such mask, it is of another photograph or recipe, it is damaged, or its
    overlay is missing.
    """
    mask = folder / mask_name(name)
    key = key_in(mask)
    if key is None or not (folder / overlay_name(name)).is_file():
        return None
    try:
        return (read_mask(mask), key) if key_of(read_content(photograph), recipe) == key else None
    except UserError:
        return None


def write_result(
    folder: Path, name: str, image: np.ndarray, label: np.ndarray, palette: Palette, key: str
) -> None:
    """Write a photograph's mask and overlay.

    Args:
        folder: of the results.
        name: of the result.
        image: (H, W, 3) uint8 RGB.
        label: (H, W) uint8 class indices.
        palette: RGB of background and classes.
        key: what the label is made from.
    """
    overlay = folder / overlay_name(name)
    overlay.unlink(missing_ok=True)  # a former one must not stand beside the new mask
    text = PngInfo()
    text.add_text(_KEYWORD, key)
    mask = encoded(palette_picture(label, palette), "PNG", pnginfo=text)
    write_atomically(folder / mask_name(name), mask)
    laid_over = Image.fromarray(overlay_classes(image, label, palette))
    write_atomically(overlay, encoded(laid_over, "JPEG", quality=90))
