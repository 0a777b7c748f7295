"""Photographs of a folder, and what bears their names: rows of label tables, masks, saliency."""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from auxseg.datasets.accents import composed, spellings
from auxseg.datasets.folders import walk

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
_UNREAD = (
    *(".heic", ".heif", ".avif", ".gif", ".jxl", ".jp2", ".jfif", ".psd", ".svg"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
)
"""Of pictures that are passed over."""


def photographs(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Photographs by id (path below the folder, no extension), and a sentence for each fault.

    Faults are names that clash, and such as no table of labels can hold.
    """
    photos: dict[str, Path] = {}
    faults = []
    for name, path in _pictures(folder):
        if not is_text(path):
            faults.append(f"{path}: its name is not UTF-8; rename it.")
        elif name != name.lstrip():
            faults.append(f"{path}: its name begins with a blank, which tables lose; rename it.")
        if name in photos:
            other = photos[name].name
            faults.append(f"{path}: has the same name as {other}, extension aside; rename one.")
        else:
            photos[name] = path
    return photos, faults


def find(photos: Mapping[str, Path], name: str) -> str | None:
    """The id of the photograph that a table names, with or without its extension."""
    name = composed(PurePosixPath(name).as_posix())
    stem, dot, suffix = name.rpartition(".")
    photo = photos.get(stem)
    if photo is not None and photo.suffix.lower() == (dot + suffix).lower():
        return stem  # also where a copy of it is named a.jpg.webp
    return name if name in photos else None


def by_file_name(photos: Mapping[str, Path]) -> dict[str, str]:
    """A photograph's id by the name of its file, without folder and extension, in small letters."""
    return {PurePosixPath(image_id).name.casefold(): image_id for image_id in photos}


def not_found(folder: Path, name: str, near: Mapping[str, str], entry: str = "row") -> str:
    """What is wrong with an entry of a table that names no photograph.

    Args:
        folder: of the photographs.
        name: as the table has it.
        near: photographs `by_file_name`, one of which may be meant.
        entry: what the table calls an entry.
    """
    there = any(is_file(folder / form) for form in spellings(name))
    if there and Path(name).suffix.lower() not in SUFFIXES:
        return f"{name!r} is of a format that is not read; convert it to JPEG or PNG."
    own = PurePosixPath(name).name.casefold()
    if (meant := near.get(own) or near.get(own.rpartition(".")[0])) is not None:
        return f"no photograph {name!r} in {folder}; if {meant!r} is meant, name it so."
    return f"no photograph {name!r} in {folder}; add it or remove the {entry}."


def png_beside(folder: Path, photo: Path) -> Path | None:
    """The PNG that bears a photograph's name, whichever way its accents are written.

    Args:
        folder: of masks or saliency maps.
        photo: path of the photograph below its own folder.
    """
    forms = spellings(photo.with_suffix(".png").as_posix())
    return next((folder / form for form in forms if is_file(folder / form)), None)


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that is too long in one of its forms is of none."""
    return os.path.isfile(path)  # noqa: PTH113 (pathlib raises)


def strays(photos: Collection[str], folder: Path) -> list[str]:
    """A sentence for each picture that would be passed over: it bears no photograph's name."""
    faults = []
    pictures = list(_pictures(folder))
    taken = {name for name, _ in pictures}
    named_alike: dict[str, list[str]] = {}
    for image_id in photos:
        named_alike.setdefault(PurePosixPath(image_id).name, []).append(image_id)
    for name, path in pictures:
        if name not in photos:
            mend = "rename or remove it"
            meant = named_alike.get(PurePosixPath(name).name, [])
            if len(meant) == 1 and meant[0] not in taken and path.suffix == ".png":
                mend = f"if {meant[0]!r} is meant, move it to {folder / meant[0]}.png"
            faults.append(f"{path}: bears no photograph's name; {mend}.")
        elif path.suffix != ".png":
            faults.append(f"{path}: must be a PNG and end in .png.")
    return faults


def is_text(path: Path) -> bool:
    """Whether a path can be written as UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def name_below(folder: Path, path: Path) -> str:
    """What a photograph is called: its path below a folder, no extension, accents composed."""
    return composed(path.relative_to(folder).with_suffix("").as_posix())


def picture_files(folder: Path) -> list[Path]:
    """Every picture below a folder, sorted; what is hidden, or in a hidden folder, is none."""
    return [path for path in files_below(folder) if path.suffix.lower() in SUFFIXES]


def passed_over(folder: Path) -> str | None:
    """A sentence where pictures below a folder are of formats that are not read."""
    suffixes = (path.suffix.lower() for path in files_below(folder))
    unread = sorted(Counter(suffix for suffix in suffixes if suffix in _UNREAD).items())
    if not unread:
        return None
    counts = ", ".join(f"{count} {suffix}" for suffix, count in unread)
    return f"pictures of formats that are not read: {counts}; convert them to JPEG or PNG."


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, sorted; hidden ones, and those in hidden folders, left out."""
    files: list[Path] = []
    for place, inner, names in walk(folder):
        inner[:] = [name for name in inner if not name.startswith(".")]
        files += [place / name for name in names if not name.startswith(".")]
    return sorted(files)


def _pictures(folder: Path) -> Iterator[tuple[str, Path]]:
    """(path below the folder without extension, path) of every picture, sorted."""
    for path in picture_files(folder):
        yield name_below(folder, path), path
