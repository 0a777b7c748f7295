"""Which files decide on a data set's records, so that a change of one is noticed."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from auxseg.config import IndexOptions
from auxseg.datasets.folders import walk


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
    """Of the names and sizes of all files in some folders, and of what XML files say.

    Another digest when a file is added, removed, or replaced by one of another size, and when a
    label in an annotation is mended. A folder may be missing. Times are left out: a copied data
    set is the same.
    """
    digest = hashlib.sha256()
    for folder in folders:
        for place, _, names in walk(folder):
            for name in names:
                path = place / name
                try:
                    size = path.stat().st_size
                except OSError:  # a link that leads nowhere
                    size = path.lstat().st_size
                digest.update(os.fsencode(f"{path.relative_to(folder)}\0{size}\0"))
                if path.suffix == ".xml" and path.is_file():
                    digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


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
