"""Labels in COCO's JSON: which categories are annotated in which images, however."""

import json
from pathlib import Path
from typing import Any

from auxseg.datasets.accents import composed
from auxseg.datasets.tables import read_text, repeated_ids
from auxseg.errors import UserError, reason_of
from auxseg.project.labelled import Labelled, Labels

_MOST_BYTES = 2_000_000_000
_SHOWN = 8
_KEYS: dict[str, dict[str, tuple[type, ...]]] = {
    "images": {"id": (int, str), "file_name": (str,)},
    "categories": {"id": (int, str), "name": (str,)},
    "annotations": {"image_id": (int, str), "category_id": (int, str)},
}
"""What is read of each entry, and of which type it must be."""


def is_json(path: Path) -> bool:
    """Whether a file begins as JSON does; False of one that cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return False
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def read_label_json(path: Path) -> Labels:
    """Read images, annotations and categories; outlines, boxes and all else are passed over.

    Raises:
        UserError: unreadable, too large, or not in COCO's format.
    """
    tables = _tables(path)
    names = {entry["id"]: composed(entry["name"].strip()) for entry in tables["categories"]}
    shown: dict[int | str, set[str]] = {image["id"]: set() for image in tables["images"]}
    strange = {
        fault
        for name in ("images", "categories")
        for fault in repeated_ids(path, name, tables[name])
    }
    for annotation in tables["annotations"]:
        image, category = annotation["image_id"], annotation["category_id"]
        if image in shown and category in names:
            shown[image].add(names[category])
        else:
            what = f"category {category!r}" if image in shown else f"image {image!r}"
            strange.add(f"{path}: annotations name {what}, which the file does not describe.")
    rows = [
        Labelled(f"{path} image {i['id']!r}", i["file_name"], tuple(sorted(shown[i["id"]])))
        for i in tables["images"]
    ]
    return Labels(
        source=str(path),
        format="COCO's annotations, of which only the categories are read",
        rows=tuple(rows),
        classes=frozenset(names.values()),
        entry="image",
        faults=tuple(sorted(strange)),
    )


def _tables(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Its three lists, every key that is read of them there and of its type."""
    if path.stat().st_size > _MOST_BYTES:
        raise UserError(f"{path}: more than the limit of {_MOST_BYTES:,} bytes; divide the file.")
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise _misformed(path, reason_of(error)) from None
    if not isinstance(content, dict):
        raise _misformed(path, "a list where keys belong")
    for table, keys in _KEYS.items():
        entries = content.get(table)
        if not isinstance(entries, list):
            found = ", ".join(repr(name) for name in list(content)[:_SHOWN]) or "nothing"
            raise _misformed(path, f"no list {table!r}; found are {found}")
        for number, entry in enumerate(entries):
            for key, types in keys.items():
                if not isinstance(entry, dict) or type(entry.get(key)) not in types:
                    raise _misformed(path, f"{table!r}: entry {number} has no {key!r} to be read")
    return content


def _misformed(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path}: not in COCO's format ({reason}); it must hold 'images' (id, file_name), "
        f"'categories' (id, name) and 'annotations' (image_id, category_id)."
    )
