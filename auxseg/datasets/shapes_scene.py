"""One generated scene: photograph, true mask and a coarse, flawed saliency map."""

from dataclasses import dataclass

import cv2
import numpy as np

from auxseg.datasets.record import IGNORE
from auxseg.datasets.shapes_animal import AREA, CLASSES, Tile, paint_animal
from auxseg.datasets.shapes_land import grass, paint_land, scatter
from auxseg.datasets.shapes_paint import Point, fractal, lay

_OVERSAMPLING = 2
_AREAS = {1: (0.16, 0.33), 2: (0.11, 0.2), 3: (0.1, 0.13)}  # of the image, by number of animals
_NOBODY = -1


@dataclass(frozen=True)
class Scene:
    """A generated scene.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, 0 background, k + 1 = class k, 255 along outlines.
        saliency: (H, W) uint8, 255 = salient.
        labels: the classes present, sorted.
    """

    image: np.ndarray
    mask: np.ndarray
    saliency: np.ndarray
    labels: tuple[int, ...]


def draw_scene(height: int, width: int, first: int, rng: np.random.Generator) -> Scene:
    """Draw a scene of one to three animals, of which `first` is the kind of one."""
    shape = (height * _OVERSAMPLING, width * _OVERSAMPLING)
    light = _light(rng)
    horizon = rng.uniform(0.12, 0.5)
    canvas = paint_land(rng, shape, horizon)
    number = int(rng.integers(4, 10))
    clutter = scatter(canvas, rng, light, number=number, largest=0.4, top=horizon + 0.05)
    kinds, owner = _herd(canvas, first, rng, light)
    before = scatter(canvas, rng, light, number=int(rng.integers(0, 3)), largest=0.16, top=0.8)
    before.append(grass(canvas, rng, int(rng.integers(0, 4))))
    for thing in before:
        owner[thing > 0.5] = _NOBODY
    owner = owner[::_OVERSAMPLING, ::_OVERSAMPLING]
    things = [thing[::_OVERSAMPLING, ::_OVERSAMPLING] for thing in clutter]
    seen = sorted({kinds[int(number)] for number in np.unique(owner) if number != _NOBODY})
    return Scene(
        image=_photograph(canvas, (height, width), rng),
        mask=_mask(owner, kinds),
        saliency=_saliency(owner, things, rng),
        labels=tuple(seen),
    )


def _light(rng: np.random.Generator) -> Point:
    angle = rng.uniform(-2.7, -0.4)
    return float(np.cos(angle)), float(np.sin(angle))


def _herd(
    canvas: np.ndarray, first: int, rng: np.random.Generator, light: Point
) -> tuple[list[int], np.ndarray]:
    """Paint animals in place; their kinds, and (H, W) int8 whose number each pixel belongs to."""
    height, width = canvas.shape[:2]
    wanted = int(rng.choice([1, 2, 3], p=[0.35, 0.45, 0.2]))
    owner = np.full((height, width), _NOBODY, dtype=np.int8)
    heads = np.zeros((height, width), dtype=np.float32)
    kinds: list[int] = []
    for number in range(wanted):
        kind = first if number == 0 else int(rng.integers(len(CLASSES)))
        area = rng.uniform(*_AREAS[wanted]) * height * width
        tile = paint_animal(kind, float(np.sqrt(area / AREA)), rng, light)
        place = _place(tile, owner, heads, rng)
        if place is not None:
            _paste(canvas, tile, place, light)
            owner[_moved(tile.silhouette, place, owner.shape) > 0.5] = len(kinds)
            np.maximum(heads, _moved(tile.head, place, owner.shape), out=heads)
            kinds.append(kind)
    return kinds, owner


def _place(
    tile: Tile, owner: np.ndarray, heads: np.ndarray, rng: np.random.Generator
) -> tuple[int, int] | None:
    """Top left corner at which heads stay visible and bodies overlap little; None = no room."""
    rows, columns = tile.silhouette.shape
    height, width = owner.shape
    whole, head = tile.silhouette.sum(), tile.head.sum()
    alone = not heads.any()
    for _ in range(60):
        top = _between(-0.1 * rows, height - 0.9 * rows, rng)
        left = _between(-0.15 * columns, width - 0.85 * columns, rng)
        inside = _moved(tile.silhouette, (top, left), owner.shape)
        if inside.sum() < 0.88 * whole:
            continue
        if _moved(tile.head, (top, left), owner.shape).sum() < 0.97 * head:
            continue
        if alone or ((inside * heads).sum() < 0.03 * head and _overlap(inside, owner) < 0.3):
            return top, left
    if not alone:
        return None
    return (height - rows) // 2, (width - columns) // 2


def _between(a: float, b: float, rng: np.random.Generator) -> int:
    """A pixel between two bounds, which change places where the animal is larger than the scene."""
    return int(rng.uniform(min(a, b), max(a, b)))


def _overlap(silhouette: np.ndarray, owner: np.ndarray) -> float:
    """The largest part of any one animal that a silhouette would cover."""
    covered = owner[silhouette > 0.5]
    numbers = [n for n in np.unique(covered) if n != _NOBODY]
    return max([float((covered == n).sum() / (owner == n).sum()) for n in numbers], default=0.0)


def _paste(canvas: np.ndarray, tile: Tile, place: tuple[int, int], light: Point) -> None:
    """Lay an animal and the shadow at its feet on a canvas."""
    shape = canvas.shape[:2]
    rows, columns = tile.silhouette.shape
    shadow = np.zeros(shape, dtype=np.float32)
    centre = (int(place[1] + columns * (0.5 - 0.15 * light[0])), int(place[0] + rows * 0.96))
    cv2.ellipse(shadow, centre, (int(columns * 0.42), int(rows * 0.1)), 0, 0, 360, 0.5, -1)
    canvas *= 1 - cv2.GaussianBlur(shadow, (0, 0), rows * 0.04)[..., None]
    edge = cv2.GaussianBlur(_moved(tile.silhouette, place, shape), (0, 0), 0.7)
    inside = _moved(tile.silhouette, place, shape)
    lay(canvas, np.minimum(edge * 1.3, inside), _moved(tile.paint, place, (*shape, 3)))


def _moved(tile: np.ndarray, place: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    """A tile put at (top, left) on an empty array of `shape`; what lies outside is cut off."""
    target = np.zeros(shape, dtype=np.float32)
    top, left = place
    bottom, right = min(top + tile.shape[0], shape[0]), min(left + tile.shape[1], shape[1])
    part = tile[max(0, -top) : bottom - top, max(0, -left) : right - left]
    target[max(0, top) : bottom, max(0, left) : right] = part
    return target


def _photograph(canvas: np.ndarray, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8: the canvas under a tinted, uneven light, seen by a camera with flaws."""
    height, width = shape
    image = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    across = np.linspace(-1, 1, width, dtype=np.float32)
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    slope = rng.normal(0, 0.08, 2)
    uneven = (
        1
        + slope[0] * across
        + slope[1] * down
        + 0.06 * fractal(rng, shape, (height / 2, width / 2), 2)
    )
    vignette = 1 - rng.uniform(0, 0.2) * (across**2 + down**2) / 2
    exposure = rng.uniform(0.8, 1.15) * rng.normal(1, 0.04, 3)
    image = image * (uneven * vignette)[..., None] * exposure
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.7))
    image += rng.normal(0, rng.uniform(2, 7), image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _mask(owner: np.ndarray, kinds: list[int]) -> np.ndarray:
    numbers = (owner + 1).astype(np.uint8)
    outline = cv2.dilate(numbers, np.ones((3, 3), np.uint8)) != numbers
    mask = np.array([0, *(kind + 1 for kind in kinds)], dtype=np.uint8)[numbers]
    mask[outline] = IGNORE
    return mask


def _saliency(owner: np.ndarray, clutter: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """A saliency map with the usual flaws: soft, half an animal missed, a bush or stone found."""
    height, width = shape = owner.shape
    salient: np.ndarray = np.zeros(shape, dtype=np.float32)
    for thing in clutter:
        if rng.random() < 0.07:
            np.maximum(salient, thing * rng.uniform(0.5, 0.9), out=salient)
    for number in np.unique(owner[owner != _NOBODY]):
        body = (owner == number).astype(np.float32)
        salient *= 1 - body
        salient += body * (_half(body, rng) if rng.random() < 0.2 else rng.uniform(0.75, 1.0))
    reach = min(shape) * 0.022
    rows, columns = np.indices(shape, dtype=np.float32)
    x = columns + reach * fractal(rng, shape, (height / 6, width / 6), 1)
    y = rows + reach * fractal(rng, shape, (height / 6, width / 6), 1)
    salient = cv2.remap(salient, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    salient = cv2.GaussianBlur(salient, (0, 0), reach * rng.uniform(0.5, 1.0))
    noise = 0.03 * fractal(rng, shape, (height / 5, width / 5), 2)
    return np.clip((salient + noise) * 255, 0, 255).astype(np.uint8)


def _half(body: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32 in [0, 1]: strong on one side of a body, fading to nothing on the other."""
    rows, columns = np.nonzero(body)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.indices(body.shape, dtype=np.float32)
    along = (x - columns.mean()) * np.cos(angle) + (y - rows.mean()) * np.sin(angle)
    return np.clip(0.5 + along / (0.6 * np.sqrt(len(rows))), 0.05, 0.95).astype(np.float32)
