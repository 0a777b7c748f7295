"""Validates every photograph of a data set and records what is known of it.

Reads:  a data set in its own layout (voc, coco, folder, or the generated shapes). True masks are
        checked here, so that all faults are told at once, but not kept.
Writes: index.h5: ids, splits, sizes, class names, image-level labels, paths and digests of files.
"""

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auxseg.config import IndexOptions, to_json
from auxseg.datasets.doubts import classes_without_photographs, contradictions
from auxseg.datasets.index_file import KIND, Entry, Index, write_index
from auxseg.datasets.load import load_dataset
from auxseg.datasets.record import MOST_CLASSES, Dataset, Record, mask_faults, size_faults
from auxseg.errors import UserError, listing
from auxseg.images import read_image, read_saliency, scaled_size
from auxseg.runtime import Runtime, progress
from auxseg.store import Header

_DOUBTS_SHOWN = 20


@dataclass(frozen=True)
class Checked:
    """What opening one photograph, and all that belongs to it, told.

    Attributes:
        size: (height, width), upright.
        digest: SHA-256 of the file.
        faults: a sentence each; any of them stops the stage.
        doubts: a sentence each, about labels that the true mask contradicts.
    """

    size: tuple[int, int] = (0, 0)
    digest: str = ""
    faults: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def run(options: IndexOptions, *, index: Path, runtime: Runtime) -> None:
    """Write index.h5, or list all faults of the data set and write nothing."""
    data = load_dataset(options)
    checked = _check(data, options, runtime.threads)
    entries = []
    for record, found in zip(data.records, checked, strict=True):
        height, width = scaled_size(found.size, options.longest_side)
        entries.append(
            Entry(
                id=record.id,
                split=record.split,
                image=record.image,
                height=height,
                width=width,
                labels=np.isin(np.arange(len(data.classes)), record.labels),
                saliency=record.saliency,
                digest=found.digest,
            )
        )
    header = Header(KIND, to_json(options.narrowed()))
    write_index(index, header, Index(data.classes, data.palette, tuple(entries)))
    print(_summary(data), file=sys.stderr)


def _check(data: Dataset, options: IndexOptions, threads: int) -> list[Checked]:
    """Open everything; faults of the whole data set are raised as one error."""
    faults = [*data.faults, *_repeated(data)]
    if (count := len(data.classes)) > MOST_CLASSES:
        faults.append(f"{count} classes are more than the limit of {MOST_CLASSES}; merge some.")
    checked = list(progress(_checks(data, threads), "index", len(data.records)))
    faults += [fault for found in checked for fault in found.faults]
    if not any(record.split == "train" for record in data.records) and not faults:
        faults.append("split 'train' is empty; check the lists that section index names.")
    if faults:
        raise listing(faults, "the data set cannot be used")
    doubts = classes_without_photographs(data)
    doubts += [doubt for found in checked for doubt in found.doubts]
    if doubts and options.doubtful_labels == "error":
        raise listing(doubts, "the data set has doubtful labels")
    for doubt in doubts[:_DOUBTS_SHOWN]:
        print(f"auxseg: doubtful: {doubt}", file=sys.stderr)
    if len(doubts) > _DOUBTS_SHOWN:
        print(f"auxseg: doubtful: {len(doubts) - _DOUBTS_SHOWN} more", file=sys.stderr)
    return checked


def _repeated(data: Dataset) -> list[str]:
    counts = Counter(record.id for record in data.records)
    return [
        f"image id {image_id!r} stands for {count} photographs; rename all but one."
        for image_id, count in counts.items()
        if count > 1
    ]


def _checks(data: Dataset, threads: int) -> Iterator[Checked]:
    def check(record: Record) -> Checked:
        return _check_record(record, data.classes)

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(check, data.records)


def _check_record(record: Record, classes: tuple[str, ...]) -> Checked:
    """Decode one photograph with all that belongs to it."""
    try:
        height, width = read_image(record.image).shape[:2]
        with record.image.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except UserError as error:
        return Checked(faults=(str(error),))
    size, faults, doubts = (height, width), [], []
    try:
        if record.mask is not None:
            mask = record.mask()
            faults += mask_faults(record.id, mask, size, len(classes))
            doubts += contradictions(record, mask, classes)
        if record.saliency is not None:
            faults += size_faults(str(record.saliency), read_saliency(record.saliency), size)
    except UserError as error:
        faults.append(str(error))
    return Checked(size, digest, tuple(faults), tuple(doubts))


def _summary(data: Dataset) -> str:
    """`3 classes: 1 cat (12 train, 4 val), ...`: a typo in a label shows."""
    counts = Counter((r.split, k) for r in data.records for k in r.labels)
    splits = list(dict.fromkeys(record.split for record in data.records))
    told = [
        f"{k + 1} {name} ({', '.join(f'{counts[split, k]} {split}' for split in splits)})"
        for k, name in enumerate(data.classes)
    ]
    masks = sum(record.mask is not None for record in data.records)
    return (
        f"{len(told)} classes, with the photographs that show each: {'; '.join(told)}\n"
        f"{masks} of {len(data.records)} photographs have a true mask"
    )
