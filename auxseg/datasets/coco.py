"""Data sets in the layout of MS COCO: image folders and instances_*.json."""

import contextlib
import io
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO

from auxseg.config import CocoOptions
from auxseg.datasets.accents import composed
from auxseg.datasets.palette import voc_palette
from auxseg.datasets.record import BACKGROUND, IGNORE, Dataset, Record
from auxseg.datasets.tables import repeated_ids
from auxseg.errors import UserError, reason_of
from auxseg.images import MAX_PIXELS

_FARTHEST = 4  # points of an outline from the corner, in longest sides of the image

ClassTable = dict[int, int]
"""A category's number in the file -> index of its class, 0-based."""


def load(options: CocoOptions) -> Dataset:
    """Read the instances of both splits; training images without any class are left out.

    An image with a box that has no outline has no true mask.

    Raises:
        UserError: a folder or annotation file is missing or not in COCO's format, or the two files
            name different categories.
    """
    root = Path(options.root)
    classes: tuple[str, ...] = ()
    records: list[Record] = []
    faults: list[str] = []
    for split, folder, file in (
        ("train", root / options.train_images, root / options.train_annotations),
        ("val", root / options.val_images, root / options.val_annotations),
    ):
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; set index.coco.{split}_images.")
        instances = _read_instances(file)
        try:
            found, table = _classes(instances, options.classes)
            part = _records(instances, table, split, folder)
        except (KeyError, TypeError, ValueError) as error:
            raise _misformed(file, error) from None
        if classes and found != classes:
            raise UserError(f"{file}: names other categories than the training annotations.")
        classes = found
        for name in ("images", "categories"):
            faults += repeated_ids(file, name, instances.dataset[name])
        if not part:
            faults.append(f"{file}: split {split!r} is empty: no image with an instance in it.")
        records += part
    return Dataset(classes, tuple(records), tuple(faults), voc_palette(len(classes) + 1))


def _read_instances(file: Path) -> COCO:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            instances = COCO(str(file))
            instances.dataset["images"], instances.dataset["categories"]
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; set index.coco's annotations.") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise _misformed(file, error) from None
    return instances


def _misformed(file: Path, error: Exception) -> UserError:
    missing = isinstance(error, KeyError)
    reason = f"no key or number {error.args[0]!r}" if missing else reason_of(error)
    return UserError(f"{file}: not in COCO's format of instances ({reason}); copy it again.")


def _classes(instances: COCO, kind: str) -> tuple[tuple[str, ...], ClassTable]:
    """Class names in the order of the categories' numbers, and each category's class."""
    key = "name" if kind == "categories" else "supercategory"
    categories = sorted(instances.dataset["categories"], key=lambda category: category["id"])
    for category in categories:
        if not isinstance(category[key], str) or not category[key].strip():
            raise ValueError(f"category {category['id']} has no {key}")
    names = {category["id"]: composed(category[key]) for category in categories}
    classes = tuple(dict.fromkeys(names.values()))
    return classes, {number: classes.index(name) for number, name in names.items()}


def _records(instances: COCO, table: ClassTable, split: str, folder: Path) -> list[Record]:
    records = []
    for image_id in sorted(instances.imgs):
        annotations = instances.imgToAnns[image_id]
        present = {table[found["category_id"]] for found in annotations}
        if split == "train" and not present:
            continue
        image = instances.imgs[image_id]
        name, shape = image["file_name"], (int(image["height"]), int(image["width"]))
        records.append(
            Record(
                id=Path(name).stem,
                split=split,
                image=folder / name,
                labels=tuple(sorted(present)),
                mask=partial(_draw_mask, instances, image_id, shape, table)
                if all(found.get("segmentation") for found in annotations)
                else None,  # boxes alone
                unmarked=tuple(sorted(present - {table[c] for c in _of_instances(annotations)})),
            )
        )
    return records


def _of_instances(annotations: list[dict[str, Any]]) -> set[int]:
    """The categories of those that are no crowds, whose pixels are unknown in the mask."""
    return {found["category_id"] for found in annotations if not found.get("iscrowd")}


def _draw_mask(
    instances: COCO, image_id: int, shape: tuple[int, int], table: ClassTable
) -> np.ndarray:
    """(H, W) uint8: crowds ignored, and over them the instances, the largest first."""
    if not 0 < shape[0] * shape[1] <= MAX_PIXELS:
        raise UserError(
            f"image {image_id} of the annotations: {shape[1]} x {shape[0]} pixels are none or more "
            f"than the limit of {MAX_PIXELS:,}; mend width and height."
        )
    mask = np.full(shape, BACKGROUND, dtype=np.uint8)
    drawn: list[tuple[bool, int, np.ndarray, int]] = []
    for found in instances.imgToAnns[image_id]:
        crowd = bool(found.get("iscrowd"))
        region = _region(instances, found, shape)
        value = IGNORE if crowd else table[found["category_id"]] + 1
        drawn.append((not crowd, -int(region.sum()), region, value))
    for _, _, region, value in sorted(drawn, key=lambda item: item[:2]):
        mask[region] = value
    return mask


def _region(instances: COCO, found: dict[str, Any], shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool of one instance."""
    try:
        _check_outline(found["segmentation"], shape)
        return instances.annToMask(found).astype(bool)
    except MemoryError:
        raise
    except Exception as error:
        raise UserError(
            f"annotation {found.get('id')} of image {found['image_id']}: its segmentation cannot "
            f"be drawn ({error}); remove or mend it."
        ) from None


def _check_outline(segmentation: Any, shape: tuple[int, int]) -> None:
    """Refuse what pycocotools, written in C, would draw for hours or beyond its memory.

    Raises:
        ValueError: points far outside the image, runs that do not fill it, or another image's size.
    """
    if isinstance(segmentation, list):
        for outline in segmentation:
            points = np.asarray(outline, dtype=np.float64)
            if not (np.abs(points) <= _FARTHEST * max(shape)).all():
                raise ValueError("points far outside the image")
        return
    if (size := tuple(segmentation["size"])) != shape:
        raise ValueError(f"its size is {size}, height and width of the image are {shape}")
    counts = segmentation["counts"]
    runs = np.asarray(counts if isinstance(counts, list) else _unpacked(counts), dtype=np.int64)
    if (runs < 0).any() or runs.sum() != shape[0] * shape[1]:
        raise ValueError("runs that do not fill the image")


def _unpacked(counts: str) -> list[int]:
    """The runs of a packed region: five bits a letter; from the fourth on less the last but one.

    pycocotools trusts such a text, and makes a mask of whatever lies in memory if it ends early.
    """
    runs: list[int] = []
    value = bits = 0
    for letter in counts.encode():
        letter -= 48
        value |= (letter & 31) << bits
        bits += 5
        if letter & 32 and bits < 64:
            continue
        if letter & 16:
            value -= 1 << bits
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = bits = 0
    if bits:
        raise ValueError("runs that do not fill the image")
    return runs
