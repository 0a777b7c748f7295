"""The letters of pictures: DejaVu Sans, the same on every machine, where it has them."""

from functools import cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

_FIRST = font_manager.findfont("DejaVu Sans")  # matplotlib's own copy
_BOXES = "Last Resort"  # in the names of fonts that have a box for every letter there is


def font_file(text: str) -> str:
    """DejaVu Sans, or an installed font that has every letter of a text where it has not."""
    return _file_with(text) or _FIRST


def writable(name: str, number: int) -> str:
    """A class's name, or its number where no installed font has its letters."""
    return name if _file_with(name) else f"class {number}"


@cache
def _file_with(text: str) -> str | None:
    letters = {ord(letter) for letter in text}
    fonts = font_manager.fontManager.ttflist
    installed = sorted({font.fname for font in fonts if _BOXES not in font.name} - {_FIRST})
    return next((file for file in (_FIRST, *installed) if letters <= _letters(file)), None)


@cache
def _letters(file: str) -> frozenset[int]:
    try:
        return frozenset(FT2Font(file).get_charmap())
    except (RuntimeError, OSError):  # a font of a kind that cannot be read
        return frozenset()
