"""What the page's browser knows of every image: its pictures, figures and affinity."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from auxseg.datasets.index_file import Entry, Index
from auxseg.datasets.record import BACKGROUND, IGNORE
from auxseg.metrics import Confusion, mean
from auxseg.report.affinity_map import AffinityMap
from auxseg.report.layers import Encoded, data_url, grey_png, layers_of, photograph
from auxseg.report.panels import slug
from auxseg.report.tiles import Maps, class_maps

EMBEDDED_BYTES = 24_000_000  # pictures are part of the page as long as they are not more
FOLDER = "pictures"
PATTERN = "picture-[0-9]*-*-*"  # of the names of all files there


@dataclass(frozen=True)
class Shown:
    """One image of the gallery.

    Attributes:
        id: of the image.
        split: "train" or "val".
        classes: (0-based) that its label names.
        present: indices of classes (from 1 on) that are named, found, or in the true mask.
        size: (height, width), pixels.
        photo: the photograph.
        layers: what lies over it, in the order of the stages.
        iou: mean over the classes that are there or found: of the last prediction, else of the last
            labels, against the true mask; None without one.
        ignored: share of the last pseudo labels; None without any.
        affinity: the last network's; None where it was not computed.
    """

    id: str
    split: str
    classes: tuple[int, ...]
    present: tuple[int, ...]
    size: tuple[int, int]
    photo: Encoded
    layers: tuple[Encoded, ...]
    iou: float | None
    ignored: float | None
    affinity: AffinityMap | None = None


@dataclass(frozen=True)
class Gallery:
    """The browser's data, and the pictures that are files beside the page.

    Attributes:
        data: what the page's script reads, JSON without "<".
        files: name below the page's folder -> content; empty where the page holds all pictures.
    """

    data: str
    files: Mapping[str, bytes] = field(default_factory=dict)


def show(
    entry: Entry, photo: np.ndarray, maps: Maps, index: Index, affinity: AffinityMap | None
) -> Shown:
    """One image with its pictures and figures.

    Args:
        entry: the image's.
        photo: (H, W, 3) uint8.
        maps: open artifacts; any may lack this image.
        index: of the data set.
        affinity: the last network's.
    """
    of_classes = class_maps(entry.id, maps)
    truth = of_classes.truth
    labels = of_classes.labels.get(len(maps.labels) - 1)
    found = of_classes.predictions.get(len(maps.predictions) - 1, labels)
    named = np.flatnonzero(entry.labels) + 1
    seen = np.unique(np.concatenate([named, *(m.ravel() for m in (found, truth) if m is not None)]))
    return Shown(
        entry.id,
        entry.split,
        tuple(int(index) - 1 for index in named),
        tuple(int(index) for index in seen if index not in (BACKGROUND, IGNORE)),
        entry.size,
        photograph(photo),
        tuple(layers_of(entry, maps, of_classes, index.palette)),
        _iou(truth, found, len(index.classes)),
        None if labels is None else float((labels == IGNORE).mean()),
        affinity,
    )


def _iou(truth: np.ndarray | None, found: np.ndarray | None, num_classes: int) -> float | None:
    if truth is None or found is None:
        return None
    counts = Confusion(num_classes + 1)
    counts.add(truth, found)
    return mean(counts.iou())


def gallery(shown: Sequence[Shown], index: Index) -> Gallery:
    """The data of the browser; pictures are embedded as long as they are not too many."""
    names = _names(shown)
    size = sum(len(picture.content) for image in shown for picture in _pictures(image))
    embedded = size <= EMBEDDED_BYTES
    files: dict[str, bytes] = {}

    def source(image: Shown, picture: Encoded, place: str) -> str:
        if embedded:
            return data_url(picture.content, picture.suffix)
        name = f"{FOLDER}/{names[image.id]}-{place}{picture.suffix}"
        files[name] = picture.content
        return name

    images = [
        {
            "id": image.id,
            "split": image.split,
            "classes": image.classes,
            "present": image.present,
            "height": image.size[0],
            "width": image.size[1],
            "photo": source(image, image.photo, "photo"),
            "layers": [
                {"title": layer.title, "source": source(image, layer, str(number))}
                for number, layer in enumerate(image.layers)
            ],
            "iou": _rounded(image.iou),
            "ignored": _rounded(image.ignored),
            "affinity": _affinity(image.affinity),
        }
        for image in shown
    ]
    classes = [
        {"name": name, "color": "rgb({}, {}, {})".format(*index.palette[number])}
        for number, name in enumerate(("background", *index.classes))
    ]
    # No "<" within a script, where it could end it.
    data = json.dumps({"classes": classes, "images": images}).replace("<", "\\u003c")
    return Gallery(data, files)


def _pictures(image: Shown) -> Iterator[Encoded]:
    yield image.photo
    yield from image.layers


def _names(shown: Iterable[Shown]) -> dict[str, str]:
    """A name for each image's pictures."""
    return {i.id: f"picture-{number:04d}-{slug(i.id)}" for number, i in enumerate(shown)}


def _affinity(affinity: AffinityMap | None) -> dict[str, Any] | None:
    """Always part of the page: a browser reads no pixels of other files."""
    if affinity is None:
        return None
    source = data_url(grey_png(affinity.values), ".png")
    return {name: value for name, value in vars(affinity).items() if name != "values"} | {
        "source": source
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else round(value, 4)
