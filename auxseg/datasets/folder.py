"""Your own photographs: images/, labels.csv and, where there are some, masks/ and saliency/.

`labels.csv` has a header `image,labels` or `image,labels,split`. `image` is a file below images/,
with or without its extension; `labels` are class names separated by ';' or '|', or by blanks where
the whole table has neither; `split` is train (also where it is empty), val or test, and only those
of train need labels. `masks/{image}.png` and `saliency/{image}.png` bear the image's name without
its extension.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from auxseg.config import FolderOptions
from auxseg.datasets.palette import voc_palette
from auxseg.datasets.record import Dataset, Record
from auxseg.datasets.tables import Row, read_csv, unknown_class
from auxseg.errors import UserError
from auxseg.images import read_mask

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
SPLITS = ("train", "val", "test")
_BARS = re.compile(r"\s*[;|]\s*")
_BLANKS = re.compile(r"\s+")


@dataclass
class _Reading:
    """The state of reading one labels.csv."""

    root: Path
    photos: dict[str, Path]
    classes: tuple[str, ...]
    separator: re.Pattern[str]
    lines: dict[str, int] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def fault(self, row: Row, sentence: str) -> None:
        self.faults.append(f"{self.root / 'labels.csv'} line {row.line}: {sentence}")


def load(options: FolderOptions) -> Dataset:
    """Read images/ and labels.csv.

    Raises:
        UserError: images/ or labels.csv is missing, labels.csv has another header, or a class name
            holds a separator.
    """
    root = Path(options.root)
    photos, faults = _photographs(root / "images")
    rows, torn = read_csv(root / "labels.csv", ("image", "labels"), ("split",))
    barred = any(_BARS.search(row.cells["labels"]) for row in rows)
    separator = _BARS if barred else _BLANKS
    if options.classes is None:
        used = {name for row in rows for name in _names(row, separator)}
        classes = tuple(sorted(used))
        faults += _alike(classes)
    else:
        classes = options.classes
        _check_classes(classes, separator)
    reading = _Reading(root, photos, classes, separator, faults=[*faults, *torn])
    for row in rows:
        _read_row(reading, row)
    _check_whole(reading)
    return Dataset(
        classes=classes,
        records=tuple(reading.records),
        faults=tuple(reading.faults),
        palette=voc_palette(len(classes) + 1),
    )


def _photographs(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Photographs by id (path below the folder, no extension), and a sentence for each clash."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; index.folder.root must be the one above it.")
    photos: dict[str, Path] = {}
    faults = []
    for name, path in _pictures(folder):
        if name in photos:
            other = photos[name].name
            faults.append(f"{path}: has the same name as {other}, extension aside; rename one.")
        else:
            photos[name] = path
    return photos, faults


def _pictures(folder: Path) -> Iterator[tuple[str, Path]]:
    """(path below the folder without extension, path) of every picture, sorted."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            yield _composed(path.relative_to(folder).with_suffix("").as_posix()), path


def _composed(text: str) -> str:
    """One form for letters with accents, which file systems and editors write in two."""
    return unicodedata.normalize("NFC", text)


def _names(row: Row, separator: re.Pattern[str]) -> list[str]:
    return [name for name in separator.split(row.cells["labels"]) if name]


def _alike(classes: tuple[str, ...]) -> list[str]:
    """A sentence for each two names that differ in capitals alone: one of them is a slip."""
    first: dict[str, str] = {}
    return [
        f"labels.csv: classes {other!r} and {name!r} differ in capitals alone; write one of them."
        for name in classes
        if (other := first.setdefault(name.casefold(), name)) != name
    ]


def _check_classes(classes: tuple[str, ...], separator: re.Pattern[str]) -> None:
    for number, name in enumerate(classes):
        if not name or _BARS.search(name):
            raise UserError(
                f"index.folder.classes: {name!r} is not a class name: ';' and '|' separate names."
            )
        if separator.search(name):
            raise UserError(
                f"index.folder.classes: {name!r} holds a blank, which separates names in "
                f"labels.csv; separate them by ';' there."
            )
        if name in classes[:number]:
            raise UserError(f"index.folder.classes: {name!r} stands there twice; remove one.")


def _read_row(reading: _Reading, row: Row) -> None:
    """Add one row's record, or say what is wrong with the row."""
    split = row.cells.get("split") or "train"
    names = _names(row, reading.separator)
    unknown = [name for name in names if name not in reading.classes]
    image_id = _find(reading, row.cells["image"])
    for name in unknown:
        reading.fault(row, unknown_class(name, reading.classes))
    if split not in SPLITS:
        reading.fault(row, f"unknown split {split!r}; it must be one of {', '.join(SPLITS)}.")
    if not names and split == "train":
        reading.fault(row, f"{row.cells['image']!r} has no class; name one or remove the row.")
    if image_id is None:
        reading.fault(row, _not_found(reading, row.cells["image"]))
    elif image_id in reading.lines:
        reading.fault(
            row,
            f"{row.cells['image']!r} stands on line {reading.lines[image_id]} already; remove one.",
        )
    else:
        reading.lines[image_id] = row.line
        labels = {reading.classes.index(name) for name in names if name in reading.classes}
        reading.records.append(_record(reading, image_id, split, tuple(sorted(labels))))


def _find(reading: _Reading, name: str) -> str | None:
    """The id of the photograph that a cell names, with or without its extension."""
    name = _composed(PurePosixPath(name).as_posix())
    if name in reading.photos:
        return name
    stem, dot, suffix = name.rpartition(".")
    photo = reading.photos.get(stem)
    same = photo is not None and photo.suffix.lower() == (dot + suffix).lower()
    return stem if same else None


def _not_found(reading: _Reading, name: str) -> str:
    folder = reading.root / "images"
    if (folder / name).is_file() and Path(name).suffix.lower() not in SUFFIXES:
        return f"{name!r} is of a format that is not read; convert it to JPEG or PNG."
    return f"no photograph {name!r} in {folder}; add it or remove the row."


def _record(reading: _Reading, image_id: str, split: str, labels: tuple[int, ...]) -> Record:
    path = reading.photos[image_id]
    name = path.relative_to(reading.root / "images").with_suffix(".png").as_posix()
    mask = _beside(reading.root / "masks", name)
    return Record(
        id=image_id,
        split=split,
        image=path,
        labels=labels,
        mask=partial(read_mask, mask) if mask else None,
        saliency=_beside(reading.root / "saliency", name),
    )


def _beside(folder: Path, name: str) -> Path | None:
    """The file of that name in a folder, whichever way its accents are written."""
    forms = (name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name))
    return next((folder / form for form in forms if (folder / form).is_file()), None)


def _check_whole(reading: _Reading) -> None:
    """Photographs without a row, maps without a photograph, a data set to train nothing on."""
    for image_id, path in reading.photos.items():
        if image_id not in reading.lines:
            reading.faults.append(f"{path}: not in labels.csv; add a row or remove the photograph.")
    for folder in ("masks", "saliency"):
        reading.faults += _orphans(reading, reading.root / folder)
    if not any(record.split == "train" for record in reading.records):
        reading.faults.append(
            f"{reading.root / 'labels.csv'}: split 'train' is empty; name a photograph to train on."
        )


def _orphans(reading: _Reading, folder: Path) -> list[str]:
    """A sentence for each picture that would be passed over: it bears no photograph's name."""
    faults = []
    for name, path in _pictures(folder):
        if name not in reading.photos:
            faults.append(f"{path}: bears no photograph's name; rename or remove it.")
        elif path.suffix != ".png":
            faults.append(f"{path}: must be a PNG and end in .png.")
    return faults
