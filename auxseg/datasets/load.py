"""From options to records, whatever the data set's layout."""

from auxseg.config import IndexOptions
from auxseg.datasets import coco, folder, shapes, voc
from auxseg.datasets.record import Dataset


def load_dataset(options: IndexOptions) -> Dataset:
    """Read the lists and labels of the chosen data set; no photograph is opened.

    Raises:
        UserError: a folder or list is missing or unreadable, or a chosen class is unknown.
    """
    chosen = options.narrowed()
    if chosen.shapes is not None:
        return shapes.load(chosen.shapes)
    if chosen.voc is not None:
        return voc.load(chosen.voc)
    if chosen.coco is not None:
        return coco.load(chosen.coco)
    assert chosen.folder is not None
    return folder.load(chosen.folder)
