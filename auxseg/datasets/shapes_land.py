"""Where the generated animals stand: land, sky, and the things that lie about."""

from collections.abc import Callable

import cv2
import numpy as np

from auxseg.datasets.shapes_paint import Pen, Point, fractal, lay, textured, tinted

_GROUNDS = ((92, 124, 58), (122, 138, 72), (168, 158, 136), (206, 210, 218), (104, 98, 84))
_SKIES = ((150, 184, 222), (196, 202, 208), (228, 196, 176))
_GREENS = ((52, 92, 44), (84, 120, 48), (40, 76, 60))
_GREYS = ((128, 130, 134), (104, 102, 100), (150, 148, 140))
_BLOSSOMS = ((236, 226, 232), (196, 84, 140), (232, 214, 80), (150, 120, 210))


def paint_land(rng: np.random.Generator, shape: tuple[int, int], horizon: float) -> np.ndarray:
    """Paint ground below a horizon, and sky, forest or mountains above it.

    Args:
        rng: draws kinds and colours.
        shape: (H, W).
        horizon: height at which the ground ends, 0 = top, 1 = bottom.

    Returns:
        (H, W, 3) float32.
    """
    height, width = shape
    colour = tinted(rng, _GROUNDS[rng.integers(len(_GROUNDS))], 10)
    coarse = fractal(rng, shape, (height / 8, width / 4))
    fine = fractal(rng, shape, (height / 60, width / 40), 2)
    land = textured(colour, coarse, 0.10) * (1 + 0.10 * fine[..., None])
    land *= np.linspace(0.85, 1.1, height, dtype=np.float32)[:, None, None]
    backdrop = _backdrop(rng, shape)
    hills = fractal(rng, (2, width), (2, width / 4))[0]
    above = (np.arange(height)[:, None] < height * (horizon + 0.02 * hills)).astype(np.float32)
    lay(land, cv2.GaussianBlur(above, (0, 0), 1.5), backdrop)
    return land


def scatter(
    canvas: np.ndarray,
    rng: np.random.Generator,
    light: Point,
    *,
    number: int,
    largest: float,
    top: float,
) -> list[np.ndarray]:
    """Paint things of no class over a canvas in place.

    Args:
        canvas: (H, W, 3) float32.
        rng: draws what, where and how large.
        light: unit vector towards the light.
        number: of things.
        largest: height of the largest, as a part of the canvas.
        top: where the farthest stands, as a part of the canvas.

    Returns:
        their silhouettes, (H, W) float32.
    """
    height, width = canvas.shape[:2]
    shapes = []
    for bottom in np.sort(rng.uniform(top, 1.05, number)):
        size = height * largest * rng.uniform(0.4, 1.0)
        pen = Pen((height, width), (rng.uniform(0, width), bottom * height), size)
        shapes.append(_THINGS[rng.integers(len(_THINGS))](canvas, pen, rng, light))
    return shapes


def grass(canvas: np.ndarray, rng: np.random.Generator, tufts: int) -> np.ndarray:
    """Paint blades of grass at the lower edge of a canvas in place; their (H, W) silhouette."""
    height, width = canvas.shape[:2]
    covered = np.zeros((height, width), dtype=np.float32)
    for _ in range(tufts):
        origin = (rng.uniform(0, width), height * rng.uniform(0.97, 1.08))
        pen = Pen((height, width), origin, height * rng.uniform(0.12, 0.25))
        green = tinted(rng, _GREENS[rng.integers(3)], 12)
        for _ in range(rng.integers(4, 9)):
            foot, lean = rng.uniform(-0.3, 0.3), rng.uniform(-0.5, 0.5)
            blade = pen.stroke([(foot, 0), (foot, -0.6), (foot + lean, -1)], 0.08, 0.02)
            lay(canvas, blade, green * rng.uniform(0.8, 1.3))
            np.maximum(covered, blade, out=covered)
    return covered


def _backdrop(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    height, width = shape
    kind = rng.integers(3)
    if kind == 0:
        clouds = np.clip(fractal(rng, shape, (height / 8, width / 3), 4), 0, 2)
        return textured(tinted(rng, _SKIES[rng.integers(3)], 8), clouds, 0.09)
    if kind == 1:
        leaves = fractal(rng, shape, (height / 14, width / 20), 3)
        return textured(tinted(rng, _GREENS[rng.integers(3)], 8), np.clip(leaves, -2, 2), 0.25)
    slopes = fractal(rng, shape, (height / 3, width / 6), 4)
    return textured(tinted(rng, (126, 138, 154), 10), slopes, 0.14)


def _stone(canvas: np.ndarray, pen: Pen, rng: np.random.Generator, light: Point) -> np.ndarray:
    around = np.linspace(0, 2 * np.pi, 11, endpoint=False)
    reach = rng.uniform(0.75, 1.0, 11)
    wide = rng.uniform(0.5, 0.8)
    points = [
        (float(r * wide * np.cos(a)), float(-0.3 + 0.36 * r * np.sin(a)))
        for a, r in zip(around, reach, strict=True)
    ]
    shape = pen.polygon(points)
    grain = fractal(rng, pen.shape, (pen.scale / 8, pen.scale / 8), 3)
    paint = textured(tinted(rng, _GREYS[rng.integers(3)]), grain, 0.12)
    lay(canvas, shape, paint, light=light, depth=0.12 * pen.scale)
    return shape


def _bush(canvas: np.ndarray, pen: Pen, rng: np.random.Generator, light: Point) -> np.ndarray:
    leaves = fractal(rng, pen.shape, (pen.scale / 14, pen.scale / 14), 2)
    paint = textured(tinted(rng, _GREENS[rng.integers(3)]), np.clip(leaves, -2, 2), 0.22)
    whole = np.zeros(pen.shape, dtype=np.float32)
    for _ in range(rng.integers(4, 8)):
        centre = (rng.uniform(-0.4, 0.4), rng.uniform(-0.6, -0.15))
        radius = rng.uniform(0.18, 0.32)
        blob = pen.ellipse(centre, (radius, radius * 0.9))
        lay(canvas, blob, paint, light=light, depth=0.1 * pen.scale)
        np.maximum(whole, blob, out=whole)
    blossom = tinted(rng, _BLOSSOMS[rng.integers(4)])
    if rng.random() < 0.5:
        flowers = whole * (fractal(rng, pen.shape, (pen.scale / 14, pen.scale / 14), 1) > 1.6)
        lay(canvas, flowers, blossom)
    return whole


def _tree(canvas: np.ndarray, pen: Pen, rng: np.random.Generator, light: Point) -> np.ndarray:
    lean = rng.uniform(-0.15, 0.15)
    stem = pen.stroke([(0, 0), (lean, -0.8), (lean, -1.8)], 0.24, 0.14)
    bark = fractal(rng, pen.shape, (pen.scale / 3, pen.scale / 22), 2)
    paint = textured(tinted(rng, (74, 66, 60), 8), np.clip(bark, -2, 2), 0.2)
    lay(canvas, stem, paint, light=light, depth=0.06 * pen.scale)
    return stem


def _log(canvas: np.ndarray, pen: Pen, rng: np.random.Generator, light: Point) -> np.ndarray:
    tilt = rng.uniform(-0.2, 0.2)
    shape = pen.stroke([(-0.7, -0.15 + tilt), (0.7, -0.15 - tilt)], 0.3, 0.26)
    bark = fractal(rng, pen.shape, (pen.scale / 22, pen.scale / 3), 2)
    paint = textured(tinted(rng, (88, 76, 68), 8), np.clip(bark, -2, 2), 0.2)
    lay(canvas, shape, paint, light=light, depth=0.08 * pen.scale)
    cut = pen.ellipse((0.7, -0.15 - tilt), (0.09, 0.13))
    lay(canvas, cut, tinted(rng, (150, 140, 124), 6))
    return np.maximum(shape, cut)


_Thing = Callable[[np.ndarray, Pen, np.random.Generator, Point], np.ndarray]
_THINGS: tuple[_Thing, ...] = (_stone, _stone, _bush, _bush, _tree, _log)
