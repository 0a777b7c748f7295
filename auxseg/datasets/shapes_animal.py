"""The animals of the generated scenes: one kind of body for all, six kinds of head.

Size, pose, fur and markings of the body are drawn alike for every class; only what the animal wears
on its head tells the class. A classifier therefore looks at heads, as it does in photographs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from auxseg.datasets.shapes_paint import Pen, Point, fractal, lay, textured, tinted

CLASSES = ("beakling", "crestling", "earling", "hornling", "maneling", "tuskling")
AREA = 0.62  # of an animal, in squares of its body length, on average

_FURS = ((176, 122, 66), (196, 148, 92), (150, 92, 52), (206, 170, 124), (164, 84, 50))
_IVORY, _PINK, _INK = (232, 220, 190), (222, 140, 140), (30, 24, 22)


@dataclass(frozen=True)
class Tile:
    """A painted thing, cut out.

    Attributes:
        paint: (h, w, 3) float32.
        silhouette: (h, w) float32 in [0, 1].
        head: (h, w) float32, the part of the silhouette that tells the class.
    """

    paint: np.ndarray
    silhouette: np.ndarray
    head: np.ndarray


@dataclass
class _Easel:
    """An animal in the making; heads are drawn around `face`, `size` being their radius."""

    pen: Pen
    rng: np.random.Generator
    light: Point
    paint: np.ndarray
    silhouette: np.ndarray
    head: np.ndarray
    fur: np.ndarray
    face: Point
    size: float

    def add(
        self, shape: np.ndarray, colour: np.ndarray, *, head: bool, depth: float = 0.05
    ) -> None:
        """Lay a shaded part; colour (3,) or (H, W, 3)."""
        lay(self.paint, shape, colour, light=self.light, depth=depth * self.pen.scale)
        np.maximum(self.silhouette, shape, out=self.silhouette)
        if head:
            np.maximum(self.head, shape, out=self.head)

    def around(self, x: float, y: float) -> Point:
        """A point given in radii of the head from its centre."""
        return self.face[0] + x * self.size, self.face[1] + y * self.size


def paint_animal(kind: int, length: float, rng: np.random.Generator, light: Point) -> Tile:
    """Paint one animal.

    Args:
        kind: index into CLASSES.
        length: of its body, pixels.
        rng: draws pose, fur and proportions.
        light: unit vector towards the light.
    """
    easel = _easel(length, rng, light)
    _body(easel)
    behind, before = _HEADS[kind]
    behind(easel)
    skull = easel.pen.ellipse(easel.face, (easel.size, easel.size * rng.uniform(0.88, 1.0)))
    easel.add(skull, easel.fur, head=True, depth=0.07)
    muzzle = easel.pen.ellipse(easel.around(0.62, 0.3), (easel.size * 0.5, easel.size * 0.38))
    easel.add(muzzle, easel.fur * 1.12, head=True)
    before(easel)
    _eye(easel)
    return _cut_out(easel)


def _easel(length: float, rng: np.random.Generator, light: Point) -> _Easel:
    side = int(length * 2.6)
    shape = (side, side)
    pen = Pen(
        shape,
        (side / 2, side / 2),
        length,
        angle=float(rng.normal(0, 0.09)),
        mirrored=bool(rng.random() < 0.5),
    )
    return _Easel(
        pen=pen,
        rng=rng,
        light=light,
        paint=np.zeros((*shape, 3), dtype=np.float32),
        silhouette=np.zeros(shape, dtype=np.float32),
        head=np.zeros(shape, dtype=np.float32),
        fur=_fur(rng, shape, length),
        face=(rng.uniform(0.5, 0.6), rng.uniform(-0.36, -0.22)),
        size=rng.uniform(0.17, 0.2),
    )


def _fur(rng: np.random.Generator, shape: tuple[int, int], length: float) -> np.ndarray:
    """(H, W, 3): hair, and one of three markings or none, whatever the class."""
    colour = tinted(rng, _FURS[rng.integers(len(_FURS))], 10)
    hair = fractal(rng, shape, (length / 30, length / 9), 2)
    fur = textured(colour, np.clip(hair, -2, 2), 0.09)
    marking = rng.integers(4)
    if marking == 0:
        wobble = fractal(rng, shape, (length / 3, length / 3), 2)
        across = np.arange(shape[1], dtype=np.float32) / length * rng.uniform(30, 44)
        marks = np.sin(across + 0.9 * wobble) > 0.45
    elif marking == 1:
        marks = fractal(rng, shape, (length / 9, length / 9), 1) > 1.0
    elif marking == 2:
        marks = fractal(rng, shape, (length / 2.5, length / 2.5), 2) > 0.7
    else:
        return fur
    soft = cv2.GaussianBlur(marks.astype(np.float32), (0, 0), 1.0)[..., None]
    return fur * (1 - soft * rng.uniform(0.3, 0.55))


def _body(easel: _Easel) -> None:
    """Tail, legs, trunk and neck: the same draw for every class."""
    rng, pen = easel.rng, easel.pen
    girth = rng.uniform(0.2, 0.27)
    leg = rng.uniform(0.16, 0.34) if rng.random() < 0.8 else 0.06
    tail = [(-0.44, -0.05), (-0.62, rng.uniform(-0.3, 0.1)), (-0.72, rng.uniform(-0.35, 0.3))]
    easel.add(pen.stroke(tail, 0.09, 0.04), easel.fur * 0.9, head=False, depth=0.03)
    stride = rng.uniform(-0.07, 0.07)
    for foot, (x, far) in enumerate([(-0.26, True), (0.36, True), (-0.36, False), (0.27, False)]):
        step = stride if foot % 2 else -stride
        limb = [(x, girth * 0.4), (x + step * 0.3, girth + leg * 0.5), (x + step, girth + leg)]
        colour = easel.fur * (0.68 if far else 0.95)
        easel.add(pen.stroke(limb, 0.15, 0.085), colour, head=False, depth=0.04)
    trunk = np.maximum(
        pen.ellipse((-0.22, 0.01), (0.28, girth)), pen.ellipse((0.2, 0), (0.29, girth * 0.95))
    )
    trunk = np.maximum(trunk, pen.ellipse((0, 0.01), (0.42, girth * 0.92)))
    easel.add(trunk, easel.fur, head=False, depth=0.1)
    neck = pen.stroke([(0.28, -0.02), (0.42, -0.1), easel.face], 0.3, 0.2)
    easel.add(neck, easel.fur, head=False, depth=0.05)


def _eye(easel: _Easel) -> None:
    pen, size = easel.pen, easel.size
    at = easel.around(0.28, -0.18)
    easel.add(pen.ellipse(at, (size * 0.17, size * 0.19)), np.array(_INK), head=True)
    glint = pen.ellipse((at[0] + size * 0.05, at[1] - size * 0.07), (size * 0.05, size * 0.05))
    easel.add(glint, np.array((240.0, 240, 240)), head=True)


def _nothing(easel: _Easel) -> None:
    """Some heads are all behind the face or all before it."""


def _beak(easel: _Easel) -> None:
    colour = tinted(easel.rng, (238, 150, 30), 10)
    long = easel.rng.uniform(2.3, 2.8)
    upper = [(0.35, -0.5), (1.3, -0.62), (long, 0.0), (long - 0.15, 0.55), (1.3, 0.2), (0.35, 0.2)]
    lower = [(0.35, 0.2), (1.4, 0.24), (long - 0.5, 0.5), (1.3, 0.72), (0.4, 0.6)]
    tip = [(long - 0.6, -0.32), (long, 0.0), (long - 0.15, 0.55), (long - 0.55, 0.35)]
    for shape, paint in ((lower, colour * 0.75), (upper, colour), (tip, np.array(_INK) * 1.4)):
        points = [easel.around(x, y) for x, y in shape]
        easel.add(easel.pen.polygon(points), paint, head=True, depth=0.03)


def _crest(easel: _Easel) -> None:
    rng, pen, size = easel.rng, easel.pen, easel.size
    colour = tinted(rng, ((36, 98, 190), (20, 140, 150), (108, 60, 170))[rng.integers(3)], 12)
    for angle in np.linspace(-2.75, -0.75, 7) + rng.normal(0, 0.05, 7):
        reach = rng.uniform(1.75, 2.1)
        tip = easel.around(reach * np.cos(angle), reach * np.sin(angle))
        feather = pen.stroke([easel.around(0, -0.2), tip], size * 0.2, size * 0.62)
        easel.add(feather, colour * rng.uniform(0.85, 1.1), head=True, depth=0.03)
        dot = pen.ellipse(tip, (size * 0.16, size * 0.16))
        easel.add(dot, np.array((230.0, 210, 90)), head=True, depth=0.02)


def _ears(easel: _Easel) -> None:
    rng, pen, size = easel.rng, easel.pen, easel.size
    pink = tinted(rng, _PINK, 8)
    for x, lean in ((-0.5, rng.uniform(-0.55, -0.2)), (0.1, rng.uniform(0.0, 0.35))):
        high = rng.uniform(2.4, 2.9)
        ear = [easel.around(x, -0.5), easel.around(x + lean, -1.6), easel.around(x + lean, -high)]
        easel.add(pen.stroke(ear, size * 0.5, size * 0.62), easel.fur, head=True, depth=0.03)
        easel.add(pen.stroke(ear, size * 0.18, size * 0.34), pink, head=True, depth=0.02)


def _horns(easel: _Easel) -> None:
    rng, pen, size = easel.rng, easel.pen, easel.size
    colour = tinted(rng, _IVORY, 10)
    reach, sweep = rng.uniform(2.3, 2.8), rng.uniform(0.8, 1.2)
    for side, shade in ((-1, 0.78), (1, 1.0)):
        foot, top = easel.around(side * 0.3, -0.7), easel.around(side * sweep, -reach)
        bend = easel.around(side * (sweep + 0.7), -1.3)
        easel.add(
            pen.stroke([foot, bend, top], size * 0.36, size * 0.18), colour * shade, head=True
        )
        for level in (0.4, 0.68):
            start = easel.around(side * (0.45 + sweep * level), -0.8 - (reach - 0.8) * level)
            end = (start[0] + size * side * 0.75, start[1] - size * 0.6)
            tine = pen.stroke([start, end], size * 0.24, size * 0.12)
            easel.add(tine, colour * shade, head=True, depth=0.02)


def _mane(easel: _Easel) -> None:
    rng, pen, size = easel.rng, easel.pen, easel.size
    colour = tinted(rng, ((86, 36, 20), (52, 34, 30), (120, 44, 18))[rng.integers(3)], 8)
    for reach, shade in ((1.95, 0.8), (1.6, 1.1)):
        for angle in np.linspace(0, 2 * np.pi, 15, endpoint=False) + rng.normal(0, 0.12, 15):
            far = reach * rng.uniform(0.9, 1.08)
            tip = easel.around(far * np.cos(angle) - 0.25, far * np.sin(angle))
            lock = pen.stroke([easel.around(-0.2, 0), tip], size * 1.0, size * 0.26)
            easel.add(lock, colour * shade * rng.uniform(0.75, 1.3), head=True, depth=0.02)


def _flap(easel: _Easel) -> None:
    size = easel.size
    ear = easel.pen.ellipse(easel.around(-0.75, -0.1), (size * 0.95, size * 1.25), 0.25)
    easel.add(ear, easel.fur * 0.62, head=True, depth=0.06)


def _trunk(easel: _Easel) -> None:
    rng, pen, size = easel.rng, easel.pen, easel.size
    curl = rng.uniform(1.5, 2.1)
    path = [(0.7, 0.1), (1.7, 0.3), (1.1, 2.2), (curl + 0.2, 2.5)]
    nose = pen.stroke([easel.around(x, y) for x, y in path], size * 0.8, size * 0.34)
    easel.add(nose, easel.fur * 0.85, head=True, depth=0.04)
    for x, shade in ((0.85, 1.0), (0.45, 0.85)):
        tusk = [easel.around(x, 0.55), easel.around(x + 0.4, 1.5), easel.around(x + 1.35, 1.25)]
        ivory = np.array(_IVORY) * 1.05 * shade
        easel.add(pen.stroke(tusk, size * 0.34, size * 0.12), ivory, head=True, depth=0.02)


_Drawing = Callable[[_Easel], None]
_HEADS: tuple[tuple[_Drawing, _Drawing], ...] = (
    (_nothing, _beak),
    (_crest, _nothing),
    (_ears, _nothing),
    (_horns, _nothing),
    (_mane, _nothing),
    (_flap, _trunk),
)


def _cut_out(easel: _Easel) -> Tile:
    rows = np.flatnonzero(easel.silhouette.any(axis=1))
    columns = np.flatnonzero(easel.silhouette.any(axis=0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Tile(easel.paint[window], easel.silhouette[window], easel.head[window])
