"""Which photographs are meant, and what their results are called."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from auxseg.datasets.photographs import SUFFIXES, is_text, name_below, passed_over, picture_files
from auxseg.errors import UserError, listing
from auxseg.photographs.results import in_the_way, is_result, overlay_name
from auxseg.store import temporary_beside

_LONGEST_NAME = 255  # bytes, on all common file systems


def find_photographs(sources: Sequence[Path], output: Path) -> dict[str, Path]:
    """Name of the result -> photograph: files as they are, of folders all below them.

    The name is the photograph's, below its folder, without extension, its accents composed as in
    data sets. Results of earlier calls are left out, wherever they lie.

    Args:
        sources: files and folders.
        output: folder of the results.

    Raises:
        UserError: a source is missing, a folder holds none, a name is not UTF-8 or too long, two
            would have the same result, or a result would take the place of a file that is none.
    """
    found: dict[str, Path] = {}
    faults = _faults_of_name(output, output)
    for source in sources:
        if not os.path.exists(source):  # noqa: PTH110  Path.exists fails for a name too long
            faults.append(f"{source}: no such file or folder.")
            continue
        photographs = list(_photographs(source))
        if not photographs and source.is_dir():
            faults.append(f"{source}: holds no photograph ({', '.join(SUFFIXES)}).")
            faults += not_read([source])
        for name, path in photographs:
            longest = temporary_beside(Path(overlay_name(name)))
            if misnamed := _faults_of_name(path, longest):
                faults += misnamed
            elif (other := found.setdefault(name, path)).resolve() != path.resolve():
                faults.append(f"{path}: {other} would have the same {name}.png; rename one.")
    faults += [
        f"{path}: a result would take its place; name another --output."
        for name in found
        for path in in_the_way(output, name)
    ]
    if faults:
        raise listing(faults, "photographs to segment")
    if not found:
        raise UserError("no photograph to segment: all files named are results of earlier calls.")
    return found


def not_read(sources: Sequence[Path]) -> list[str]:
    """A sentence for each folder with pictures of formats that are not read."""
    folders = [source for source in sources if source.is_dir()]
    return [f"{folder}: {told}" for folder in folders if (told := passed_over(folder))]


def _photographs(source: Path) -> Iterator[tuple[str, Path]]:
    """(name of the result, path) of a file, or of all below a folder."""
    folder, files = (
        (source, picture_files(source)) if source.is_dir() else (source.parent, [source])
    )
    for path in files:
        if not is_result(path):
            yield name_below(folder, path), path


def _faults_of_name(path: Path, written: Path) -> list[str]:
    """What summaries and terminals, or file systems, cannot hold.

    Args:
        path: as the user names it.
        written: the longest that is written for it.
    """
    if not is_text(path):
        shown = os.fsencode(path).decode(errors="backslashreplace")
        return [f"{shown}: its name is not UTF-8; rename it."]
    longest = max((len(os.fsencode(part)) for part in written.parts), default=0)
    if longest > _LONGEST_NAME:
        return [
            f"{path}: its results need a name of {longest} bytes, but file systems take "
            f"{_LONGEST_NAME}; shorten its name."
        ]
    return []
