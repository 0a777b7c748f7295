"""Files out of tar and zip archives of strangers, below one folder and nowhere else."""

import contextlib
import gzip
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from auxseg.download.room import check_room
from auxseg.errors import UserError, listing, reason_of
from auxseg.runtime import progress
from auxseg.store.atomic import writing

_CHUNK = 1 << 20
_UNREADABLE = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile),
    *(zlib.error, EOFError, NotImplementedError),
)


@dataclass(frozen=True)
class Member:
    """What an archive says of one of its entries.

    Attributes:
        path: within the archive.
        kind: "file", "folder", or what else it is, in words.
        size: in bytes, unpacked.
        open: gives its content to read.
    """

    path: PurePosixPath
    kind: str
    size: int
    open: Callable[[], IO[bytes]]


def extract(archive: Path, wanted: Sequence[str], folder: Path) -> list[Path]:
    """Write the wanted files of an archive that are not in the folder with their size yet.

    Each file has its name only once it is whole; a call that was stopped is made good by another.
    They reach the disk when the system, or the caller, syncs it.

    Args:
        archive: .zip, or tar in any compression.
        wanted: folders and files in it.
        folder: what the archive's paths are below; it must be there.

    Returns:
        All wanted files, those that were there before included.

    Raises:
        UserError: entries that a data set does not hold, an archive that cannot be read, or too
            little room.
    """
    with reading(archive, wanted) as members:
        missing = [m for m in members if not _is_there(folder / m.path, m.size)]
        check_room(folder, sum(m.size for m in missing), f"what is in {archive.name}")
        for member in progress(missing, f"unpack {archive.name}", len(missing)):
            _write(member, folder / member.path)
        return [folder / member.path for member in members]


@contextlib.contextmanager
def reading(archive: Path, wanted: Sequence[str]) -> Iterator[list[Member]]:
    """The wanted files of an archive, every entry judged before any is read.

    Raises:
        UserError: a path that leads out of the folder, something else than a file among what is
            wanted, nothing of what is wanted, or an archive that cannot be read.
    """
    opened = _open_zip(archive) if archive.suffix == ".zip" else _open_tar(archive)
    try:
        with opened as members:
            if faults := [f for f in map(partial(_fault, wanted=wanted), members) if f]:
                raise listing(faults, f"{archive}: not what it should be; delete it")
            files = [m for m in members if m.kind == "file" and _is_wanted(m.path, wanted)]
            for place in wanted:
                if not any(member.path.is_relative_to(place) for member in files):
                    raise UserError(f"{archive}: holds no {place}; delete it.")
            yield files
    except _UNREADABLE as error:
        raise UserError(
            f"{archive}: cannot be read ({reason_of(error)}); delete it and run the same command "
            f"again."
        ) from None


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _fault(member: Member, wanted: Sequence[str]) -> str | None:
    if member.path.is_absolute() or ".." in member.path.parts:
        return f"{member.path}: leads out of the folder"
    if member.kind not in ("file", "folder") and _is_wanted(member.path, wanted):
        return f"{member.path}: {member.kind}, where a file is expected"
    return None


def _is_wanted(path: PurePosixPath, wanted: Sequence[str]) -> bool:
    return any(path.is_relative_to(place) for place in wanted)


@contextlib.contextmanager
def _open_tar(archive: Path) -> Iterator[list[Member]]:
    with tarfile.open(archive) as tar:
        yield [_tar_member(tar, info) for info in tar]


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    kind = "a link or device"
    if info.isfile():
        kind = "file"
    elif info.isdir():
        kind = "folder"

    def content() -> IO[bytes]:
        file = tar.extractfile(info)
        assert file is not None  # as it is a file
        return file

    return Member(PurePosixPath(info.name), kind, info.size, content)


@contextlib.contextmanager
def _open_zip(archive: Path) -> Iterator[list[Member]]:
    with zipfile.ZipFile(archive) as packed:
        yield [_zip_member(packed, info) for info in packed.infolist()]


def _zip_member(packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    unix = stat.S_IFMT(info.external_attr >> 16)  # 0 where the packing system knows no such kinds
    kind = "a link or device"
    if info.is_dir():
        kind = "folder"
    elif info.flag_bits & 1:
        kind = "an encrypted file"
    elif unix in (0, stat.S_IFREG):
        kind = "file"
    return Member(PurePosixPath(info.filename), kind, info.file_size, partial(packed.open, info))


def _write(member: Member, target: Path) -> None:
    temporary = target.with_name(f"{target.name}.tmp")
    with (
        writing(temporary, target, sync=False),
        member.open() as source,
        temporary.open("wb") as file,
    ):
        shutil.copyfileobj(source, file, _CHUNK)
