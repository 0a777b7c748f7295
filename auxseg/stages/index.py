"""Validates every photograph of a data set and records what is known of it.

Reads:  a data set in its own layout (voc, coco, folder, or the generated shapes).
Writes: index.h5: ids, splits, sizes, class names, image-level labels, paths;
        masks.h5: (H, W) uint8 an image that has a true mask: 0 background, k + 1 = class k, 255
        unknown. Only evaluate and report read it.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from auxseg.artifact import Header, file_digest
from auxseg.config import IndexOptions, to_json
from auxseg.datasets.index_file import Entry, Index, write_index
from auxseg.datasets.load import load_dataset
from auxseg.datasets.record import IGNORE, Dataset, Record
from auxseg.errors import UserError, listing
from auxseg.images import fit_mask, read_image, read_saliency, scaled_size
from auxseg.runtime import Runtime, progress
from auxseg.store import MapWriter

Checked = tuple[tuple[int, int], list[str]]
"""An image's (height, width), and a sentence for each fault found."""


def run(options: IndexOptions, *, index: Path, masks: Path, runtime: Runtime) -> None:
    """Write masks.h5 and index.h5, or list all faults of the data set and write neither."""
    data = load_dataset(options)
    sizes = [scaled_size(s, options.longest_side) for s in _check(data, runtime.threads)]
    entries = tuple(
        Entry(
            id=record.id,
            split=record.split,
            image=record.image.resolve(),
            height=height,
            width=width,
            labels=np.isin(np.arange(len(data.classes)), record.labels),
            saliency=record.saliency.resolve() if record.saliency else None,
        )
        for record, (height, width) in zip(data.records, sizes, strict=True)
    )
    text = to_json(options.narrowed())
    with MapWriter(masks, Header("masks", text), resume=False) as writer:
        pairs = zip(data.records, sizes, strict=True)
        for record, size in progress(pairs, "masks", len(sizes)):
            if record.mask is not None:
                writer.put(record.id, fit_mask(record.mask(), size))
    header = Header("index", text, {"masks": file_digest(masks)})
    write_index(index, header, Index(data.classes, data.palette, entries))


def _check(data: Dataset, threads: int) -> list[tuple[int, int]]:
    """The size of every photograph; faults of the whole data set are raised as one error."""
    faults = [*data.faults, *_repeated(data)]
    sizes = []
    checked = progress(_checks(data, threads), "index", len(data.records))
    for size, found in checked:
        sizes.append(size)
        faults += found
    if not any(record.split == "train" for record in data.records) and not faults:
        faults.append("split 'train' is empty; check the lists that section index names.")
    if faults:
        raise listing(faults, "the data set cannot be used")
    return sizes


def _repeated(data: Dataset) -> list[str]:
    counts = Counter(record.id for record in data.records)
    return [
        f"image id {image_id!r} stands for {count} photographs; rename all but one."
        for image_id, count in counts.items()
        if count > 1
    ]


def _checks(data: Dataset, threads: int) -> Iterator[Checked]:
    def check(record: Record) -> Checked:
        return _check_record(record, len(data.classes))

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(check, data.records)


def _check_record(record: Record, num_classes: int) -> Checked:
    """Decode one photograph with all that belongs to it."""
    try:
        size = read_image(record.image).shape[:2]
    except UserError as error:
        return (0, 0), [str(error)]
    faults = []
    try:
        if record.mask is not None:
            faults += _mask_faults(record, record.mask(), size, num_classes)
        if record.saliency is not None:
            faults += _size_faults(str(record.saliency), read_saliency(record.saliency), size)
    except UserError as error:
        faults.append(str(error))
    return (size[0], size[1]), faults


def _mask_faults(
    record: Record, mask: np.ndarray, size: tuple[int, ...], num_classes: int
) -> list[str]:
    name = f"mask of image {record.id!r}"
    faults = _size_faults(name, mask, size)
    strange = np.unique(mask[(mask > num_classes) & (mask != IGNORE)])
    if strange.size:
        faults.append(
            f"{name}: value {strange[0]} is no class; allowed are 0 (background), 1 to "
            f"{num_classes} and 255 (unknown)."
        )
    return faults


def _size_faults(name: str, values: np.ndarray, size: tuple[int, ...]) -> list[str]:
    if values.shape == size:
        return []
    return [
        f"{name}: {values.shape[1]} x {values.shape[0]} pixels, but the image has "
        f"{size[1]} x {size[0]}; make it from that very image."
    ]
