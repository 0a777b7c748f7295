"""Which files decide on a data set's records, so that a change of one is noticed."""

import contextlib
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from auxseg.config import IndexOptions
from auxseg.datasets.photographs import SUFFIXES, files_below

_READ = {*SUFFIXES, ".xml", ".npy", ".h5"}
_OF_ONE_SIZE = {".npy", ".h5", ".bmp", ".tif", ".tiff"}  # whatever they show
_MIDDLE = 2**16  # bytes: a whole data set's arrays would take long to read


def label_files(options: IndexOptions) -> list[Path]:
    """The lists, label tables and annotations that stage index reads, as far as they exist."""
    files: list[Path] = []
    if options.dataset == "voc" and options.voc is not None:
        root = Path(options.voc.root)
        lists = (options.voc.train_list, options.voc.val_list, options.voc.test_list)
        files += [root / "ImageSets" / "Segmentation" / f"{name}.txt" for name in lists if name]
        if options.voc.labels == "csv":
            files.append(root / options.voc.labels_csv)
    elif options.dataset == "coco" and options.coco is not None:
        root = Path(options.coco.root)
        files += [root / options.coco.train_annotations, root / options.coco.val_annotations]
    elif options.dataset == "folder" and options.folder is not None:
        files.append(options.folder.table)
    return [file for file in files if file.is_file()]


def folder_digest(folders: Iterable[Path]) -> str:
    """Of the names and sizes of all files in some folders that a stage may read.

    Another digest when one is added, removed, or replaced by one of another size; also when a label
    in an annotation is mended, or an array or picture of a kind whose size tells nothing is another
    in the middle. A folder may be missing. Times do not count: a copied data set is the same. Nor
    do hidden files and those of other kinds, which systems leave in folders that are looked into.
    """
    digest = hashlib.sha256()
    for folder in folders:
        for path in files_below(folder):
            if path.suffix.lower() in _READ:
                digest.update(os.fsencode(f"{path.relative_to(folder)}\0"))
                digest.update(_state(path))
    return digest.hexdigest()[:16]


def _state(path: Path) -> bytes:
    """The size of a file, and what of its content can change without it."""
    try:
        size = path.stat().st_size
    except OSError:  # a link that leads nowhere
        size = path.lstat().st_size
    content = b""
    with contextlib.suppress(OSError):  # which the stage that reads it will tell
        if path.suffix == ".xml":
            content = path.read_bytes()
        elif path.suffix.lower() in _OF_ONE_SIZE:
            with path.open("rb") as stream:
                stream.seek(max(0, size - _MIDDLE) // 2)
                content = stream.read(_MIDDLE)
    return b"%d\0" % size + content


def mask_folders(options: IndexOptions) -> list[Path]:
    """The folders of true masks."""
    if options.dataset == "voc" and options.voc is not None:
        names = ("SegmentationClass", "SegmentationClassAug")
        return [Path(options.voc.root) / name for name in names]
    if options.dataset == "folder" and options.folder is not None:
        return [options.folder.true_masks]
    return []


def data_folders(options: IndexOptions) -> list[Path]:
    """The folders that decide on the index: photographs, saliency maps, annotations.

    True masks are among them only where labels are taken from them.
    """
    if options.dataset == "voc" and options.voc is not None:
        root, labels = Path(options.voc.root), options.voc.labels
        folders = [root / "JPEGImages"]
        folders += [root / "Annotations"] if labels == "xml" else []
        return folders + (mask_folders(options) if labels == "masks" else [])
    if options.dataset == "coco" and options.coco is not None:
        root = Path(options.coco.root)
        return [root / options.coco.train_images, root / options.coco.val_images]
    if options.dataset == "folder" and options.folder is not None:
        return [options.folder.photographs, options.folder.saliency_maps]
    return []
