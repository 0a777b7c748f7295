"""Data sets in the layout of PASCAL VOC: JPEGImages/, ImageSets/Segmentation/, masks."""

from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import numpy as np

from auxseg.config import VocOptions
from auxseg.datasets.accents import composed
from auxseg.datasets.class_names import names_in, separator_of
from auxseg.datasets.palette import voc_palette
from auxseg.datasets.record import BACKGROUND, IGNORE, Dataset, MaskReader, Record
from auxseg.datasets.tables import read_csv, read_list, unknown_class
from auxseg.errors import UserError, reason_of
from auxseg.images import read_mask

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
_MASK_FOLDERS = ("SegmentationClass", "SegmentationClassAug")  # SBD's where VOC has none

LabelReader = Callable[[str], set[str]]
"""The names of an image's classes by its id; raises UserError where they are unknown."""


def load(options: VocOptions) -> Dataset:
    """Read the lists and the image-level labels of their images.

    Raises:
        UserError: root, a list or labels_csv is missing, or a chosen class is not one of VOC's.
    """
    root = Path(options.root)
    if not (root / "JPEGImages").is_dir():
        raise UserError(
            f"{root / 'JPEGImages'}: no such folder; index.voc.root must be the one above it."
        )
    classes = _chosen_classes(options)
    faults: list[str] = []
    ids = _read_lists(root, options, faults)
    labels_of = _label_reader(root, options, faults)
    table = _index_table(classes)
    records = []
    for image_id, (split, place) in ids.items():
        labels, mask = None, None
        if split != "test":  # nothing is published of the test images
            labels = _labels(labels_of, image_id, classes, place, faults)
            mask = _mask_reader(root, image_id, table)
        if split == "train" and labels == ():
            faults.append(f"{place}: {image_id!r} has none of the chosen classes; remove the line.")
        photo = root / "JPEGImages" / f"{image_id}.jpg"
        records.append(Record(image_id, split, photo, labels or (), mask))
    palette = voc_palette(len(VOC_CLASSES) + 1)
    rows = (BACKGROUND, *(VOC_CLASSES.index(name) + 1 for name in classes))
    return Dataset(classes, tuple(records), tuple(faults), tuple(palette[row] for row in rows))


def _chosen_classes(options: VocOptions) -> tuple[str, ...]:
    if options.classes is None:
        return VOC_CLASSES
    for number, name in enumerate(options.classes):
        if name not in VOC_CLASSES:
            raise UserError(f"index.voc.classes: {unknown_class(name, VOC_CLASSES)}")
        if name in options.classes[:number]:
            raise UserError(f"index.voc.classes: {name!r} stands there twice; remove one.")
    if not options.classes:
        raise UserError("index.voc.classes: names no class; null chooses all 20.")
    return options.classes


def _read_lists(root: Path, options: VocOptions, faults: list[str]) -> dict[str, tuple[str, str]]:
    """Image id -> (split, `list line n`), each id once."""
    ids: dict[str, tuple[str, str]] = {}
    lists = {"train": options.train_list, "val": options.val_list, "test": options.test_list}
    for split, name in lists.items():
        if name is None:
            continue
        path = root / "ImageSets" / "Segmentation" / f"{name}.txt"
        lines = read_list(path)
        if not lines:
            faults.append(f"{path}: the list of split {split!r} is empty; name an image a line.")
        for line, word in lines:
            # Some published lists give the photograph's path instead of the id.
            image_id = PurePosixPath(word).name.removesuffix(".jpg")
            place = f"{path} line {line}"
            if image_id in ids:
                faults.append(
                    f"{place}: {image_id!r} stands in {ids[image_id][1]} too; remove one."
                )
            else:
                ids[image_id] = (split, place)
    return ids


def _labels(
    labels_of: LabelReader,
    image_id: str,
    classes: tuple[str, ...],
    place: str,
    faults: list[str],
) -> tuple[int, ...] | None:
    """Indices of the chosen classes an image holds; None where its label is at fault."""
    try:
        names = labels_of(image_id)
    except UserError as error:
        faults.append(f"{error} ({place})")
        return None
    return tuple(k for k, name in enumerate(classes) if name in names)


def _label_reader(root: Path, options: VocOptions, faults: list[str]) -> LabelReader:
    if options.labels == "csv":
        return _csv_labels(root / options.labels_csv, faults)
    if options.labels == "xml":
        return partial(_xml_labels, root / "Annotations")
    return partial(_mask_labels, root)


def _csv_labels(path: Path, faults: list[str]) -> LabelReader:
    rows, torn = read_csv(path, ("image", "classes"))
    faults += torn
    separator = separator_of(row.cells["classes"] for row in rows)
    labels: dict[str, set[str]] = {}
    for row in rows:
        image_id = composed(row.cells["image"])
        if image_id in labels:
            faults.append(f"{path} line {row.line}: {image_id!r} stands there twice; remove one.")
        labels[image_id] = set(names_in(row.cells["classes"], separator))
        faults += [
            f"{path} line {row.line}: {unknown_class(name, VOC_CLASSES)}"
            for name in sorted(labels[image_id].difference(VOC_CLASSES))
        ]

    def labels_of(image_id: str) -> set[str]:
        if composed(image_id) not in labels:
            raise UserError(f"{path}: no row of image {image_id!r}; add one.")
        return labels[composed(image_id)]

    return labels_of


def _xml_labels(folder: Path, image_id: str) -> set[str]:
    path = folder / f"{image_id}.xml"
    try:
        objects = ElementTree.parse(path).iterfind("object/name")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; add it or set index.voc.labels.") from None
    except ElementTree.ParseError as error:
        raise UserError(f"{path}: not XML ({error}); copy it again.") from None
    except (IsADirectoryError, LookupError, ValueError) as error:
        raise UserError(f"{path}: not XML in UTF-8 ({reason_of(error)}); convert it.") from None
    names = {(name.text or "").strip() for name in objects}
    for name in sorted(names.difference(VOC_CLASSES)):
        raise UserError(f"{path}: {unknown_class(name, VOC_CLASSES)}")
    return names


def _mask_labels(root: Path, image_id: str) -> set[str]:
    path = _mask_file(root, image_id)
    if path is None:
        raise UserError(
            f"{root / _MASK_FOLDERS[0] / image_id}.png: no such file; add it or set "
            f"index.voc.labels to another source."
        )
    found = np.unique(_read_voc_mask(path))
    return {VOC_CLASSES[index - 1] for index in found if index not in (BACKGROUND, IGNORE)}


def _mask_file(root: Path, image_id: str) -> Path | None:
    files = (root / folder / f"{image_id}.png" for folder in _MASK_FOLDERS)
    return next((path for path in files if path.is_file()), None)


def _mask_reader(root: Path, image_id: str, table: np.ndarray) -> MaskReader | None:
    path = _mask_file(root, image_id)
    return None if path is None else partial(_read_remapped, path, table)


def _index_table(classes: tuple[str, ...]) -> np.ndarray:
    """(256,) uint8: VOC's index -> index of the chosen class; what is not chosen is ignored."""
    table = np.full(256, IGNORE, dtype=np.uint8)
    table[BACKGROUND] = BACKGROUND
    for index, name in enumerate(classes, start=1):
        table[VOC_CLASSES.index(name) + 1] = index
    return table


def _read_remapped(path: Path, table: np.ndarray) -> np.ndarray:
    return table[_read_voc_mask(path)]


def _read_voc_mask(path: Path) -> np.ndarray:
    mask = read_mask(path)
    strange = np.unique(mask[(mask > len(VOC_CLASSES)) & (mask != IGNORE)])
    if strange.size:
        raise UserError(
            f"{path}: value {strange[0]} is not an index of VOC's classes (0 ... 20, 255); "
            f"save the mask with VOC's indices."
        )
    return mask
