"""Your own photographs: images/, labels.csv and, where there are some, masks/ and saliency/.

All lie below index.folder.root, unless index.folder.images or .masks name other folders.
`labels.csv` has a header `image,labels` or `image,labels,split`. `image` is a file below images/,
with or without its extension; `labels` are class names separated by ';' or '|', by commas where
the whole table has neither, or else by blanks; `split` is train (also where it is empty), val or
test, and only those of train need labels. `masks/{image}.png` and `saliency/{image}.png` bear the
image's name without its extension.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from auxseg.config import FolderOptions
from auxseg.datasets.accents import composed
from auxseg.datasets.class_names import BARS, alike, names_in, separator_of
from auxseg.datasets.palette import voc_palette
from auxseg.datasets.photographs import (
    by_file_name,
    find,
    not_found,
    photographs,
    png_beside,
    strays,
)
from auxseg.datasets.record import Dataset, Record
from auxseg.datasets.tables import Row, read_csv, unknown_class
from auxseg.errors import UserError
from auxseg.images import read_mask

SPLITS = ("train", "val", "test")


@dataclass
class _Reading:
    """The state of reading one labels.csv."""

    options: FolderOptions
    photos: dict[str, Path]
    classes: tuple[str, ...]
    separator: re.Pattern[str]
    lines: dict[str, int] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @cached_property
    def near(self) -> dict[str, str]:
        """Photographs by the names of their files, one of which a faulty row may mean."""
        return by_file_name(self.photos)

    def fault(self, row: Row, sentence: str) -> None:
        self.faults.append(f"{self.options.table} line {row.line}: {sentence}")


def load(options: FolderOptions) -> Dataset:
    """Read the photographs' names and labels.csv.

    Raises:
        UserError: a folder or labels.csv is missing, labels.csv has another header, or a class name
            holds a separator.
    """
    _check_folders(options)
    photos, faults = photographs(options.photographs)
    rows, torn = read_csv(options.table, ("image", "labels"), ("split",))
    separator = separator_of(row.cells["labels"] for row in rows)
    if options.classes is None:
        used = {name for row in rows for name in names_in(row.cells["labels"], separator)}
        classes = tuple(sorted(used))
        faults += alike("labels.csv", classes)
    else:
        classes = tuple(composed(name) for name in options.classes)
        _check_classes(classes, separator)
    reading = _Reading(options, photos, classes, separator, faults=[*faults, *torn])
    for row in rows:
        _read_row(reading, row)
    _check_whole(reading)
    return Dataset(
        classes=classes,
        records=tuple(reading.records),
        faults=tuple(reading.faults),
        palette=voc_palette(len(classes) + 1),
    )


def _check_folders(options: FolderOptions) -> None:
    if not options.photographs.is_dir():
        mend = "index.folder.root must be the one above it, or index.folder.images another"
        raise UserError(f"{options.photographs}: no such folder; {mend}.")
    if options.masks is not None and not options.true_masks.is_dir():
        raise UserError(f"{options.true_masks}: no such folder; set index.folder.masks.")


def _check_classes(classes: tuple[str, ...], separator: re.Pattern[str]) -> None:
    for number, name in enumerate(classes):
        if not name or BARS.search(name):
            raise UserError(
                f"index.folder.classes: {name!r} is not a class name: ';' and '|' separate names."
            )
        if separator.search(name):
            raise UserError(
                f"index.folder.classes: {name!r} holds what separates names in labels.csv, a "
                f"blank or a comma; separate them by ';' there."
            )
        if name in classes[:number]:
            raise UserError(f"index.folder.classes: {name!r} stands there twice; remove one.")


def _read_row(reading: _Reading, row: Row) -> None:
    """Add one row's record, or say what is wrong with the row."""
    split = row.cells.get("split") or "train"
    names = names_in(row.cells["labels"], reading.separator)
    unknown = [name for name in names if name not in reading.classes]
    image_id = find(reading.photos, row.cells["image"])
    for name in unknown:
        mend = "mend it, or add it at the end of index.folder.classes."
        reading.fault(row, f"{unknown_class(name, reading.classes)}; {mend}")
    if split not in SPLITS:
        reading.fault(row, f"unknown split {split!r}; it must be one of {', '.join(SPLITS)}.")
    if not names and split == "train":
        reading.fault(row, f"{row.cells['image']!r} has no class; name one or remove the row.")
    if image_id is None:
        folder, name = reading.options.photographs, row.cells["image"]
        reading.fault(row, not_found(folder, name, reading.near))
    elif image_id in reading.lines:
        reading.fault(
            row,
            f"{row.cells['image']!r} stands on line {reading.lines[image_id]} already; remove one.",
        )
    else:
        reading.lines[image_id] = row.line
        labels = {reading.classes.index(name) for name in names if name in reading.classes}
        reading.records.append(_record(reading, image_id, split, tuple(sorted(labels))))


def _record(reading: _Reading, image_id: str, split: str, labels: tuple[int, ...]) -> Record:
    path, options = reading.photos[image_id], reading.options
    place = path.relative_to(options.photographs)
    mask = png_beside(options.true_masks, place)
    return Record(
        id=image_id,
        split=split,
        image=path,
        labels=labels,
        mask=partial(read_mask, mask) if mask else None,
        saliency=png_beside(options.saliency_maps, place),
    )


def _check_whole(reading: _Reading) -> None:
    """Photographs without a row, maps without a photograph, a data set to train nothing on."""
    for image_id, path in reading.photos.items():
        if image_id not in reading.lines:
            reading.faults.append(f"{path}: not in labels.csv; add a row or remove the photograph.")
    for folder in (reading.options.true_masks, reading.options.saliency_maps):
        reading.faults += strays(reading.photos, folder)
    if not any(record.split == "train" for record in reading.records):
        reading.faults.append(
            f"{reading.options.table}: split 'train' is empty; name a photograph to train on."
        )
