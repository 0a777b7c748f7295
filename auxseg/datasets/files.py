"""Which small files of a data set decide on its records, so that an edit of one is noticed."""

from pathlib import Path

from auxseg.config import IndexOptions


def label_files(options: IndexOptions) -> list[Path]:
    """The lists, label tables and annotations that stage index reads, as far as they exist."""
    files: list[Path] = []
    if options.dataset == "voc" and options.voc is not None:
        root = Path(options.voc.root)
        lists = (options.voc.train_list, options.voc.val_list)
        files += [root / "ImageSets" / "Segmentation" / f"{name}.txt" for name in lists]
        if options.voc.labels == "csv":
            files.append(root / options.voc.labels_csv)
    elif options.dataset == "coco" and options.coco is not None:
        root = Path(options.coco.root)
        files += [root / options.coco.train_annotations, root / options.coco.val_annotations]
    elif options.dataset == "folder" and options.folder is not None:
        files.append(Path(options.folder.root) / "labels.csv")
    return [file for file in files if file.is_file()]
