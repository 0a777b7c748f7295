"""Labels in whichever format they come, recognised by their content."""

from collections.abc import Mapping
from pathlib import Path

from auxseg.datasets.accents import composed
from auxseg.datasets.photographs import SUFFIXES
from auxseg.errors import UserError
from auxseg.project.label_json import is_json, read_label_json
from auxseg.project.label_tables import read_label_table
from auxseg.project.labelled import Labelled, Labels


def read_labels(labels: Path | None, images: Path, photos: Mapping[str, Path]) -> Labels:
    """Read labels from a CSV, COCO's JSON, or the photographs' folders.

    Args:
        labels: the file; None = the first folder below `images` is the class.
        images: folder of the photographs.
        photos: all photographs below it, by id.

    Raises:
        UserError: of no format that is known, and which were.
    """
    if labels is None:
        return _by_folder(images, photos)
    return read_label_json(labels) if is_json(labels) else read_label_table(labels)


def _by_folder(images: Path, photos: Mapping[str, Path]) -> Labels:
    if not photos:
        raise UserError(
            f"{images}: holds no photograph that can be read ({', '.join(sorted(SUFFIXES))}); "
            f"convert those in other formats, such as HEIC."
        )
    rows, faults = [], []
    for path in photos.values():
        place = path.relative_to(images)
        if len(place.parts) == 1:
            faults.append(f"{path}: lies in no class's folder; move it into one.")
        else:
            name = composed(place.parts[0]).strip()
            rows.append(Labelled(str(path), place.as_posix(), (name,)))
    if not rows:
        raise UserError(
            f"{images}: holds no folder of photographs for each class; name a file of labels "
            f"(CSV, or COCO's JSON) by --labels."
        )
    return Labels(
        source=str(images),
        format="a folder for each class",
        rows=tuple(rows),
        classes=frozenset(name for row in rows for name in row.classes),
        entry="photograph",
        faults=tuple(faults),
    )
