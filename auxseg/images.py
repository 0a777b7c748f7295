"""The one place where photographs, masks and saliency maps are read from files, and encoded."""

import contextlib
import hashlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from auxseg.errors import UserError

warnings.filterwarnings("ignore", module="PIL")  # odd metadata of photographs that are fine
Image.MAX_IMAGE_PIXELS = None  # the limit is ours, below, with a sentence of its own
MAX_PIXELS = 200_000_000
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY  # what editors note may be long
# Pillow knows many more, some of which start other programs (EPS) or are rarely tested.
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF's orientation -> what makes it upright."""


def read_image(path: Path | str, content: bytes | None = None) -> np.ndarray:
    """Decode any photograph to (H, W, 3) uint8 RGB, upright after its EXIF orientation.

    Grey, 16-bit, palette, CMYK and transparent images are converted; transparency lies on white.

    Args:
        path: of the file.
        content: its bytes, where they are at hand: the file itself is not read.

    Raises:
        UserError: the file is missing, empty, truncated, too large or not an image.
    """
    with _decoding(Path(path), content) as image:
        # Not by ImageOps, which reads and writes all metadata and stumbles over what is odd there.
        if (turn := _TURNS.get(image.getexif().get(_ORIENTATION, 1))) is not None:
            image = image.transpose(turn)
        if image.mode.startswith("I") or image.mode == "F":
            image = Image.fromarray(_to_8_bit(np.asarray(image)))
        if "A" in image.mode or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def read_mask(path: Path) -> np.ndarray:
    """Decode an index or palette PNG to (H, W) uint8 class indices, palette left aside.

    Raises:
        UserError: as of `read_image`; or another picture than a palette or 8-bit grey PNG.
    """
    with _decoding(path) as image:
        if image.mode not in ("P", "L", "1"):
            raise UserError(
                f"{path}: a mask must be a palette or 8-bit grey PNG of class indices, "
                f"not mode {image.mode}; save it with one index a pixel."
            )
        values = np.asarray(image).astype(np.uint8)
        return values // _scale_of_greys(path) if image.mode == "L" else values


def read_saliency(path: Path) -> np.ndarray:
    """Decode a saliency map to (H, W) uint8, 255 = surely salient; 16-bit maps are scaled.

    Raises:
        UserError: as of `read_image`.
    """
    with _decoding(path) as image:
        if image.mode.startswith("I") or image.mode == "F":
            return _to_8_bit(np.asarray(image))
        return np.asarray(image.convert("L"))


def read_values(path: Path) -> np.ndarray:
    """Decode any picture to the values that it stores: (H, W[, channels]), dtype of its mode.

    Raises:
        UserError: as of `read_image`.
    """
    with _decoding(path) as image:
        return np.asarray(image)


def values_digest(values: np.ndarray) -> str:
    """Of a picture's values, their type and shape: another once somebody has changed it."""
    told = f"{values.dtype} {values.shape} ".encode()
    return hashlib.sha256(told + values.tobytes()).hexdigest()


def png_text(path: Path, keyword: str) -> str | None:
    """What a PNG says under a keyword before its pixels; None where it, or any PNG, is missing."""
    found = _header(path, "PNG").get(keyword)
    return found if isinstance(found, str) else None


def jpeg_comment(path: Path) -> str | None:
    """The comment of a JPEG; None where it, or any JPEG, is missing."""
    found = _header(path, "JPEG").get("comment")
    return found.decode("latin-1") if isinstance(found, bytes) else None


def encoded(image: Image.Image, kind: str, **settings: object) -> bytes:
    """The file of a picture: `kind` and settings are Pillow's, "PNG" or "JPEG"."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def read_content(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: not readable ({error.strerror}).") from None


def image_size(path: Path, content: bytes | None = None) -> tuple[int, int]:
    """(height, width) of an upright image, from its header alone; arguments as of `read_image`.

    Raises:
        UserError: the file is missing, empty or not an image.
    """
    with _opening(path, content) as image:
        # Pillow gives a TIFF's size as it is upright.
        lying = image.format != "TIFF" and image.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
        return (image.width, image.height) if lying else (image.height, image.width)


def scaled_size(size: tuple[int, int], longest_side: int | None) -> tuple[int, int]:
    """(height, width) scaled down so that neither is above `longest_side`; None = as they are."""
    if longest_side is None or max(size) <= longest_side:
        return size
    height, width = (max(1, round(side * longest_side / max(size))) for side in size)
    return height, width


def fit(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) or (H, W, 3) uint8 photograph or saliency map averaged down to (height, width)."""
    if values.shape[:2] == size:
        return values
    return cv2.resize(values, size[::-1], interpolation=cv2.INTER_AREA)


def fit_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) uint8 class indices resampled to (height, width) by the nearest pixel."""
    if mask.shape == size:
        return mask
    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def _header(path: Path, kind: str) -> dict[str | tuple[int, int], object]:
    """What a picture says before its pixels; nothing where it is missing, or of another kind."""
    try:
        with _opening(path) as image:
            return dict(image.info) if image.format == kind else {}
    except UserError:
        return {}


@contextlib.contextmanager
def _decoding(path: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """The decoded image, within the limit of pixels."""
    with _opening(path, content) as image:
        if image.width * image.height > MAX_PIXELS:
            raise UserError(
                f"{path}: {image.width} x {image.height} pixels are more than the limit of "
                f"{MAX_PIXELS:,}; scale the image down."
            )
        image.load()
        yield image


@contextlib.contextmanager
def _opening(path: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """The image, its header read; every way in which using it fails becomes one sentence."""
    try:
        if content == b"" or (content is None and path.stat().st_size == 0):
            raise UserError(f"{path}: the file is empty (0 bytes); copy it again.")
        # Never by its name: Pillow would map a turned TIFF into memory as if it were upright.
        source = path.open("rb") if content is None else io.BytesIO(content)
        with source, Image.open(source, formats=_FORMATS) as image:
            yield image
    except FileNotFoundError:
        raise UserError(f"{path}: no such file.") from None
    except UnidentifiedImageError:
        raise UserError(f"{path}: not an image that can be read; save it as JPEG or PNG.") from None
    except PermissionError:
        raise UserError(f"{path}: not readable (permission denied).") from None
    except (UserError, MemoryError):
        raise
    except Exception as error:  # on damaged bytes decoders raise nearly anything
        reason = (
            "truncated" if "truncated" in str(error).lower() else f"damaged or unusual ({error})"
        )
        raise UserError(f"{path}: the image is {reason}; copy or convert it again.") from None


def _scale_of_greys(path: Path) -> int:
    """By how much Pillow has multiplied a file's grey values: it stretches those of 2 or 4 bits."""
    with path.open("rb") as stream:
        head = stream.read(26)
    is_grey_png = head.startswith(b"\x89PNG") and head[25] == 0
    return {2: 85, 4: 17}.get(head[24], 1) if is_grey_png else 1


def _to_8_bit(values: np.ndarray) -> np.ndarray:
    """Scale 16-bit (or floating, by its own maximum) grey values to uint8."""
    if values.dtype.kind == "u" or (values.dtype.kind == "i" and values.max(initial=0) > 255):
        values = values.astype(np.int64) >> 8
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise ValueError("values that are not finite")
        values = values * (255.0 / max(float(values.max(initial=0)), 1e-12))
    return np.clip(values, 0, 255).astype(np.uint8)
