"""The tiles of one image's panel, from every artifact that holds a map of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auxseg.datasets.index_file import Entry
from auxseg.datasets.palette import Palette
from auxseg.images import fit_mask
from auxseg.report.palette import overlay_classes, overlay_heat
from auxseg.report.panels import Tile, fit_heat, fit_photo, tile_size
from auxseg.store import MapReader


@dataclass(frozen=True)
class Maps:
    """Every artifact that panels show, open.

    Attributes:
        cam: None where the first labels were not made from CAMs.
        labels: of rounds 0 ... R.
        predictions: of rounds 0 ... R - 1; the last plane of a map is shown.
    """

    masks: MapReader
    saliency: MapReader
    cam: MapReader | None
    labels: Sequence[MapReader]
    predictions: Sequence[MapReader]


@dataclass(frozen=True)
class ClassMaps:
    """What there is of one image, (H, W) uint8 each.

    Attributes:
        labels, predictions: by round.
        truth: the true mask.
    """

    labels: Mapping[int, np.ndarray]
    predictions: Mapping[int, np.ndarray]
    truth: np.ndarray | None

    def titled(self) -> Iterator[tuple[str, np.ndarray]]:
        """All, in the order of the stages."""
        yield from ((f"Labels, round {r}", values) for r, values in self.labels.items())
        yield from ((f"Prediction, round {r}", values) for r, values in self.predictions.items())
        if self.truth is not None:
            yield "True mask", self.truth


def tiles_of(
    entry: Entry, photo: np.ndarray, maps: Maps, palette: Palette
) -> tuple[list[Tile], set[int]]:
    """The image and whatever maps there are of it, in the order of the stages.

    Args:
        entry: the image's.
        photo: (H, W, 3) uint8.
        maps: open artifacts; any may lack this image.
        palette: RGB of background and classes.

    Returns:
        Tiles of one size, and the class indices that occur in them (0 background, 255 ignored).
    """
    size = tile_size(*photo.shape[:2])
    small = fit_photo(photo, size)
    tiles = [Tile("Image", small)]
    if entry.id in maps.saliency:
        grey = fit_photo(maps.saliency.read(entry.id), size)
        tiles.append(Tile("Saliency", np.repeat(grey[..., None], 3, axis=2)))
    if maps.cam is not None and entry.id in maps.cam:
        heat = fit_heat(maps.cam.read(entry.id).max(axis=0), size)
        tiles.append(Tile("CAM", overlay_heat(small, heat)))

    present = {int(k) + 1 for k in np.flatnonzero(entry.labels)}
    for title, classes in class_maps(entry.id, maps).titled():
        fitted = fit_mask(classes, size)
        tiles.append(Tile(title, overlay_classes(small, fitted, palette)))
        present |= {int(index) for index in np.unique(classes)}
    return tiles, present


def class_maps(image_id: str, maps: Maps) -> ClassMaps:
    """An image's labels, predictions and true mask, as far as there are any."""
    return ClassMaps(
        {r: reader.read(image_id) for r, reader in enumerate(maps.labels) if image_id in reader},
        {
            r: reader.read(image_id)[-1]
            for r, reader in enumerate(maps.predictions)
            if image_id in reader
        },
        maps.masks.read(image_id) if image_id in maps.masks else None,
    )
