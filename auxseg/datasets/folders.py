"""Walks through folders of files, linked ones too."""

import os
from collections.abc import Iterator
from pathlib import Path


def walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """As `os.walk`, in order, into linked folders too but for those that lead back.

    Yields:
        A folder, the names of its folders, which the caller may prune, and those of its files.
    """
    for place, inner, names in os.walk(folder, followlinks=True):
        inner[:] = sorted(name for name in inner if not _leads_back(Path(place, name), folder))
        yield Path(place), inner, sorted(names)


def _leads_back(path: Path, start: Path) -> bool:
    """Whether a folder is a link to one on the way to it, where a walk would not end."""
    if not path.is_symlink():
        return False
    way = [parent.resolve() for parent in path.parents if parent.is_relative_to(start)]
    return path.resolve() in {*way, *start.resolve().parents}
