"""Brushes of the generated scenes: noise, tints, silhouettes, shading."""

from collections.abc import Sequence

import cv2
import numpy as np

Point = tuple[float, float]


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], cell: Point, octaves: int = 3
) -> np.ndarray:
    """Smooth noise of several scales.

    Args:
        rng: drawn from once an octave.
        shape: (H, W).
        cell: height and width of the coarsest blobs, pixels.
        octaves: each halves the blobs and their strength.

    Returns:
        (H, W) float32, mean about 0, standard deviation about 1.
    """
    total = np.zeros(shape, dtype=np.float32)
    for octave in range(octaves):
        size = [
            max(2, round(n * 2**octave / max(c, 1.0))) for n, c in zip(shape, cell, strict=True)
        ]
        grid = rng.standard_normal(size, dtype=np.float32)
        total += cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC) / 2**octave
    return total / max(float(total.std()), 1e-6)


def tinted(rng: np.random.Generator, colour: Sequence[float], spread: float = 12) -> np.ndarray:
    """(3,) float32: the colour, a little lighter or darker and a little off its hue."""
    brightness = rng.normal(0, spread)
    return (np.array(colour) + brightness + rng.normal(0, spread / 2, 3)).astype(np.float32)


def textured(colour: np.ndarray, pattern: np.ndarray, strength: float) -> np.ndarray:
    """(H, W, 3) float32: a colour made lighter and darker by a (H, W) pattern."""
    factor = 1 + strength * pattern
    return cv2.merge([factor * float(channel) for channel in colour])


def lay(
    canvas: np.ndarray,
    silhouette: np.ndarray,
    paint: np.ndarray,
    *,
    light: Point = (0.0, 0.0),
    depth: float = 1.0,
) -> None:
    """Paint over a canvas in place, where a silhouette is.

    Args:
        canvas: (H, W, 3) float32.
        silhouette: (H, W) float32 in [0, 1].
        paint: (H, W, 3) or (3,).
        light: unit vector (x, y) towards the light that the rounded rim shows; (0, 0) = flat.
        depth: width of that rim, pixels.
    """
    rows = np.flatnonzero(silhouette.any(axis=1))
    if not rows.size:
        return
    columns = np.flatnonzero(silhouette[rows[0] : rows[-1] + 1].any(axis=0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    alpha = silhouette[window]
    inside = paint[window] if paint.ndim == 3 else paint
    if light != (0.0, 0.0):
        inside = inside * _relief(alpha, max(depth, 0.5), light)
    canvas[window] += alpha[..., None] * (inside - canvas[window])


def _relief(silhouette: np.ndarray, depth: float, light: Point) -> np.ndarray:
    """(H, W, 1) float32 factors about 1: how a rounded body of this silhouette is lit."""
    margin = int(2 * depth) + 1
    padded = np.pad(silhouette, margin)
    height = cv2.GaussianBlur(padded, (0, 0), depth)
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8)
    facing = -(slope_x * light[0] + slope_y * light[1]) * depth
    lit = np.clip(1 + 1.6 * facing, 0.25, 1.7)
    return lit[margin:-margin, margin:-margin, None]


class Pen:
    """Draws silhouettes from figures in coordinates of their own: x forward, y down.

    Args:
        shape: (H, W) of the silhouettes.
        origin: where the figure's (0, 0) lies, (x, y) pixels.
        scale: pixels a unit.
        angle: radians, clockwise.
        mirrored: forward is to the left.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        origin: Point,
        scale: float,
        *,
        angle: float = 0.0,
        mirrored: bool = False,
    ) -> None:
        self.shape = shape
        self.scale = scale
        side = -1.0 if mirrored else 1.0
        cosine, sine = np.cos(angle), np.sin(angle)
        self._turn = scale * np.array([[side * cosine, -side * sine], [sine, cosine]])
        self._origin = np.array(origin)

    def polygon(self, points: Sequence[Point]) -> np.ndarray:
        """(H, W) float32 of 0 and 1."""
        blank = np.zeros(self.shape, dtype=np.uint8)
        cv2.fillPoly(blank, [np.rint(self._pixels(points)).astype(np.int32)], 1)
        return blank.astype(np.float32)

    def ellipse(self, centre: Point, radii: Point, turn: float = 0.0) -> np.ndarray:
        """(H, W) float32 of 0 and 1; `turn` in radians."""
        around = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        x, y = radii[0] * np.cos(around), radii[1] * np.sin(around)
        cosine, sine = np.cos(turn), np.sin(turn)
        points = np.stack([x * cosine - y * sine, x * sine + y * cosine], axis=1) + centre
        return self.polygon([(float(p[0]), float(p[1])) for p in points])

    def stroke(self, points: Sequence[Point], start: float, end: float) -> np.ndarray:
        """(H, W) float32 of 0 and 1: a Bezier curve, its width going from `start` to `end`."""
        blank = np.zeros(self.shape, dtype=np.uint8)
        controls = self._pixels(points)
        for t in np.linspace(0, 1, 28):
            left = controls
            while len(left) > 1:
                left = left[:-1] * (1 - t) + left[1:] * t
            centre = (round(float(left[0][0])), round(float(left[0][1])))
            radius = round(self.scale * (start + (end - start) * t) / 2)
            cv2.circle(blank, centre, max(1, radius), 1, -1)
        return blank.astype(np.float32)

    def _pixels(self, points: Sequence[Point]) -> np.ndarray:
        return np.array(points) @ self._turn.T + self._origin
