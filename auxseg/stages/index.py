"""Validates every photograph of a data set and records what is known of it.

Reads:  a data set in its own layout (voc, coco, folder, or the generated shapes). True masks are
        checked here, so that all faults are told at once, but not kept.
Writes: index.h5: ids, splits, sizes, class names, image-level labels, paths and digests of files;
        and for index.pack images.h5 beside it, of the files themselves.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from auxseg.config import IndexOptions, to_json
from auxseg.datasets.checks import Checked, check, read_checks, write_checks
from auxseg.datasets.doubts import classes_without_photographs
from auxseg.datasets.index_file import KIND, Entry, Index, write_index
from auxseg.datasets.load import load_dataset
from auxseg.datasets.packed import pack
from auxseg.datasets.record import Dataset, Record, list_faults
from auxseg.datasets.summary import summary
from auxseg.errors import UserError, listing
from auxseg.images import scaled_size
from auxseg.runtime import progress
from auxseg.store import ALL, Header, Shard

_DOUBTS_SHOWN = 20


def run(options: IndexOptions, *, index: Path, threads: int = 1, shard: Shard = ALL) -> None:
    """Write index.h5, or list all faults of the data set and write nothing.

    A shard writes what it found instead, faults too: they are listed where the shards are joined.
    """
    data = load_dataset(options)
    told = to_json(options.narrowed())
    if shard.number:
        records = shard.take(data.records)
        found = _check(records, data.classes, threads)
        if options.pack:
            sound = [record for record, c in zip(records, found, strict=True) if not c.faults]
            pack(index, told, sound, shard, threads)
        write_checks(index, told, shard, records, found)
        return
    if shard.joins:
        checked = _joined(index, told, shard, data.records)
    else:
        checked = _check(data.records, data.classes, threads)
    faults = [*list_faults(data), *(fault for found in checked for fault in found.faults)]
    try:
        if faults:
            raise listing(faults, "the data set cannot be used")
        _tell_doubts(data, checked, options)
    except UserError:
        # Shards must look again at what will have been mended.
        for file in shard.files(index) if shard.joins else []:
            file.unlink()
        raise
    if options.pack:
        pack(index, told, data.records, shard, threads)
    write_index(index, Header(KIND, told), _index(data, checked, options))
    print(summary(data), file=sys.stderr)


def _check(records: Sequence[Record], classes: tuple[str, ...], threads: int) -> list[Checked]:
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(partial(check, classes=classes), records)
        return list(progress(found, "index", len(records)))


def _joined(index: Path, options: str, shard: Shard, records: Sequence[Record]) -> list[Checked]:
    checked = [Checked()] * len(records)
    for part in shard.each():
        checked[part.places] = read_checks(part.file(index), options, part, part.take(records))
    return checked


def _index(data: Dataset, checked: list[Checked], options: IndexOptions) -> Index:
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
    return Index(data.classes, data.palette, tuple(entries), options.pack)


def _tell_doubts(data: Dataset, checked: list[Checked], options: IndexOptions) -> None:
    """Print doubts about labels, or raise them where the options want that."""
    doubts = classes_without_photographs(data)
    doubts += [doubt for found in checked for doubt in found.doubts]
    if doubts and options.doubtful_labels == "error":
        raise listing(doubts, "the data set has doubtful labels")
    for doubt in doubts[:_DOUBTS_SHOWN]:
        print(f"auxseg: doubtful: {doubt}", file=sys.stderr)
    if len(doubts) > _DOUBTS_SHOWN:
        print(f"auxseg: doubtful: {len(doubts) - _DOUBTS_SHOWN} more", file=sys.stderr)
