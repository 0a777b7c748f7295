"""Files that are whole under their final name, whatever happens while they are written."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from auxseg.errors import UserError, reason_of


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small file so that its final name never holds half of it.

    Raises:
        UserError: the system cannot write it.
    """
    temporary = temporary_beside(path)
    with writing(temporary, path):
        temporary.write_bytes(content)


def temporary_beside(path: Path) -> Path:
    """Where a file is written before it has its final name."""
    return path.with_name(path.name + ".tmp")


@contextlib.contextmanager
def writing(temporary: Path, final: Path, *, sync: bool = True) -> Iterator[None]:
    """Let the caller write `temporary`, then rename it to `final`: on disk before and after.

    Args:
        temporary: beside the final one.
        final: its folder is made where it is missing.
        sync: False leaves the disk to the caller, who writes too many files to wait for each.

    Raises:
        UserError: the system cannot write it; the half file is removed.
    """
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield
        if sync:
            replace(temporary, final)
        else:
            temporary.replace(final)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        reason = os.strerror(error.errno) if error.errno else reason_of(error)
        raise UserError(
            f"{final.parent}: cannot write {final.name} ({reason}); "
            f"mend that and run the same command again: nothing before it is lost."
        ) from None


def replace(temporary: Path, final: Path) -> None:
    """Rename a file to its final name, its content on disk before and the name after."""
    _fsync(temporary, os.O_RDWR)
    temporary.replace(final)
    _fsync(final.parent, os.O_RDONLY)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
