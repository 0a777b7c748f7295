"""Which photographs are meant, and what their results are called."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from auxseg.datasets.photographs import SUFFIXES, composed, picture_files
from auxseg.errors import UserError, listing
from auxseg.photographs.results import in_the_way, is_result


def find_photographs(sources: Sequence[Path], output: Path) -> dict[str, Path]:
    """Name of the result -> photograph: files as they are, of folders all below them.

    The name is the photograph's, below its folder, without extension, its accents composed as in
    data sets. Results of earlier calls are left out, wherever they lie.

    Args:
        sources: files and folders.
        output: folder of the results.

    Raises:
        UserError: a source is missing, a folder holds none, a name is not UTF-8, two would have the
            same result, or a result would take the place of a file that is none.
    """
    found: dict[str, Path] = {}
    faults = [] if _is_utf8(output) else [_unnameable(output)]
    for source in sources:
        if not source.exists():
            faults.append(f"{source}: no such file or folder.")
            continue
        photographs = list(_photographs(source))
        if not photographs and source.is_dir():
            faults.append(f"{source}: holds no photograph ({', '.join(SUFFIXES)}).")
        for name, path in photographs:
            if not _is_utf8(path):
                faults.append(_unnameable(path))
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


def _photographs(source: Path) -> Iterator[tuple[str, Path]]:
    """(name of the result, path) of a file, or of all below a folder."""
    folder, files = (
        (source, picture_files(source)) if source.is_dir() else (source.parent, [source])
    )
    for path in files:
        if not is_result(path):
            yield composed(path.relative_to(folder).with_suffix("").as_posix()), path


def _is_utf8(path: Path) -> bool:
    """Whether summaries and terminals can hold a path: file systems take any bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _unnameable(path: Path) -> str:
    shown = os.fsencode(path).decode(errors="backslashreplace")
    return f"{shown}: its name is not UTF-8; rename it."
