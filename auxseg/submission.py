"""Predictions as the archive that VOC's evaluation server takes, and a check of such an archive."""

import gzip
import io
import tarfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from auxseg.datasets.index_file import Entry, Index, read_index
from auxseg.datasets.palette import index_png
from auxseg.datasets.voc import VOC_CLASSES
from auxseg.errors import UserError, listing
from auxseg.images import fit_mask
from auxseg.pictures import plane_of
from auxseg.store import MapReader, file_digest, inputs_of, write_atomically

FOLDER = "results/VOC2012/Segmentation/comp6_test_cls"
"""Competition 6: segmentation with training on any data."""

_MOST_BYTES = 10_000_000  # of a mask of a test image, many times over


def write_submission(predictions: Path, archive: Path, index: Path, variant: str) -> str:
    """Write one variant of the test images' predictions, and check what was written.

    Args:
        predictions: of split test.
        archive: the .tar.gz to write; the same predictions give the same bytes.
        index: of the run.
        variant: one of the predictions' planes.

    Returns:
        What was written, in words.

    Raises:
        UserError: predictions of another split or index, or without the variant; classes that are
            not VOC's.
    """
    if not archive.name.endswith(".tar.gz"):
        raise UserError(f"{archive}: name a file that ends in .tar.gz.")
    table = read_index(index)
    to_voc = _to_voc(table, index)
    buffer = io.BytesIO()
    with (
        MapReader(predictions, "predictions") as maps,
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        if maps.attributes["split"] != "test":
            raise UserError(
                f"{predictions}: predictions of split {maps.attributes['split']!r}; run "
                f"`auxseg predict --split test` for those of the test images."
            )
        if inputs_of(maps.attributes).get("index") != file_digest(index):
            raise UserError(
                f"{predictions}: made with another index than {index}; make it again with this one."
            )
        number = plane_of(maps, variant)
        for entry in table.split("test"):
            plane = maps.read(entry.id, entry.size)[number]
            labels = fit_mask(to_voc[plane], entry.full_size())
            _add(tar, f"{FOLDER}/{entry.id}.png", index_png(labels))
    write_atomically(archive, buffer.getvalue())
    return f"{archive}: {check_submission(archive, index)} masks, {variant}"


def check_submission(archive: Path, index: Path) -> int:
    """Check that an archive holds a mask of every test image: names, modes, sizes, indices.

    Returns:
        The number of masks.

    Raises:
        UserError: listing all faults, or an archive that cannot be read.
    """
    entries = {f"{FOLDER}/{e.id}.png": e for e in read_index(index).split("test")}
    faults: list[str] = []
    seen: set[str] = set()
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if member.name not in entries:
                    if not member.isdir():
                        faults.append(f"{member.name}: not the mask of a test image")
                    continue
                if member.name in seen:
                    faults.append(f"{member.name}: there twice")
                faults += _member_faults(tar, member, entries[member.name])
                seen.add(member.name)
    except (OSError, tarfile.TarError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{archive}: not a .tar.gz that can be read ({error}).") from None
    faults += [f"{name}: missing" for name in entries if name not in seen]
    if faults:
        raise listing(faults, f"{archive} would be refused or score wrongly")
    return len(seen)


def _to_voc(table: Index, index: Path) -> np.ndarray:
    """(256,) uint8: index of a run's class -> VOC's index."""
    foreign = [name for name in table.classes if name not in VOC_CLASSES]
    if foreign:
        raise UserError(f"{index}: {', '.join(foreign)}: not among VOC's classes.")
    lookup = np.zeros(256, dtype=np.uint8)
    lookup[1 : len(table.classes) + 1] = [VOC_CLASSES.index(name) + 1 for name in table.classes]
    return lookup


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _member_faults(tar: tarfile.TarFile, member: tarfile.TarInfo, entry: Entry) -> list[str]:
    """What is wrong with one file of an archive; a huge one is not read."""
    if not member.isfile() or member.size > _MOST_BYTES:
        return [f"{member.name}: not a PNG of a mask"]
    file = tar.extractfile(member)
    assert file is not None
    return _mask_faults(member.name, file.read(), entry)


def _mask_faults(name: str, content: bytes, entry: Entry) -> list[str]:
    height, width = entry.full_size()
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            mode, size = picture.mode, picture.size
            if size != (width, height):
                return [f"{name}: {size[0]} x {size[1]} pixels, the image {width} x {height}"]
            labels = np.asarray(picture)
    except (OSError, ValueError, SyntaxError):
        return [f"{name}: not a PNG that can be read"]
    if mode not in ("P", "L"):
        return [f"{name}: mode {mode}, where one index a pixel is needed"]
    faults = []
    if labels.max(initial=0) > len(VOC_CLASSES):
        faults.append(f"{name}: index {labels.max()}, where 0 to {len(VOC_CLASSES)} are allowed")
    return faults
