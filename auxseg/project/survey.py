"""Labels and photographs brought together: a data set as the index will read it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from auxseg.datasets.checks import Checked, check
from auxseg.datasets.class_names import BARS, alike
from auxseg.datasets.folder import SPLITS
from auxseg.datasets.photographs import by_file_name, find, not_found, png_beside, strays
from auxseg.datasets.record import Dataset, Record, class_faults
from auxseg.images import read_mask
from auxseg.project.labelled import Labelled, Labels
from auxseg.runtime import progress


@dataclass
class _Known:
    """What the entries so far say of one photograph."""

    classes: set[str] = field(default_factory=set)
    split: str = ""
    place: str = ""


def survey(found: Labels, images: Path, photos: Mapping[str, Path], masks: Path | None) -> Dataset:
    """A record for every photograph; one of which no class is known needs none in split test.

    Args:
        found: all labels.
        images: folder of the photographs.
        photos: all photographs below it, by id.
        masks: folder of true masks, named as the photographs.
    """
    known, faults = _gathered(found, images, photos)
    classes = tuple(sorted({name for one in known.values() for name in one.classes}))
    faults += [*_name_faults(found), *class_faults(classes)]
    records = []
    for image_id, path in photos.items():
        one = known.get(image_id, _Known())
        if one.split == "train" and not one.classes:
            faults.append(f"{one.place}: split 'train' needs a class; name one, or split 'test'.")
        mask = png_beside(masks, path.relative_to(images)) if masks else None
        records.append(
            Record(
                id=image_id,
                split=one.split or ("train" if one.classes else "test"),
                image=path,
                labels=tuple(k for k, name in enumerate(classes) if name in one.classes),
                mask=partial(read_mask, mask) if mask else None,
            )
        )
    faults += strays(photos, masks) if masks else []
    if not any(record.split == "train" for record in records):
        faults.append(f"{found.source}: names no class of any photograph to train on.")
    return Dataset(classes, tuple(records), (*found.faults, *faults))


def look_at(records: Sequence[Record], classes: tuple[str, ...], threads: int) -> list[Checked]:
    """Check each photograph and its mask, as stage index will."""
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(partial(check, classes=classes), records)
        return list(progress(found, "photographs", len(records)))


def _gathered(
    found: Labels, images: Path, photos: Mapping[str, Path]
) -> tuple[dict[str, _Known], list[str]]:
    """What all entries say, by id, and what is wrong with them."""
    known: dict[str, _Known] = {}
    faults = []
    near = by_file_name(photos)
    for row in found.rows:
        image_id = find(photos, row.image)
        if row.split and row.split not in SPLITS:
            told = ", ".join(SPLITS)
            faults.append(f"{row.place}: unknown split {row.split!r}; it must be one of {told}.")
        if image_id is None:
            faults.append(f"{row.place}: {not_found(images, row.image, near, found.entry)}")
        else:
            faults += _add(known.setdefault(image_id, _Known()), row)
    return known, faults


def _add(one: _Known, row: Labelled) -> list[str]:
    """Add an entry to what is known; a sentence where it contradicts that."""
    one.classes.update(row.classes)
    if row.split and one.split and row.split != one.split:
        return [
            f"{row.place}: {row.image!r} is of split {row.split!r} here, of {one.split!r} at "
            f"{one.place}; name one."
        ]
    if row.split or not one.place:
        one.split, one.place = row.split, row.place
    return []


def _name_faults(found: Labels) -> list[str]:
    """A sentence for each class whose name labels.csv could not hold, or that is a slip."""
    faults = alike(found.source, sorted(found.classes))
    for name in sorted(found.classes):
        if BARS.search(name):
            faults.append(
                f"{found.source}: class {name!r} holds ';' or '|', which separate names in "
                f"labels.csv; rename it."
            )
        elif not name or not name.isprintable():
            faults.append(f"{found.source}: class {name!r} cannot be printed; rename it.")
    return faults
