"""HDF5 files whose full or broken disk is an ordinary OSError."""

import contextlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import h5py

from auxseg.signals import undisturbed

_VERSIONS = ("v110", "v110")  # the first with checksums, and a third of the overhead of older ones


@contextlib.contextmanager
def create_h5(path: Path) -> Iterator[h5py.File]:
    """A new HDF5 file, closed at the end; signals are heard after that, or by `let_signals_in`.

    The HDF5 library prints, and may crash, where it cannot write what it holds. It therefore never
    learns of a failed write; the first one is raised once the file is closed.

    Raises:
        OSError: as the system gave it.
    """
    with undisturbed(), _PatientFile(path, "w+") as stream:
        try:
            with h5py.File(stream, "w", libver=_VERSIONS) as file:
                yield file
        except Exception:
            if stream.error is None:
                raise
        if stream.error is not None:
            raise stream.error


class _PatientFile(FileIO):
    """Keeps the first error of writing, and from then on only pretends to write."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data)
        while left and self.error is None:
            try:
                left = left[super().write(left) :]
            except OSError as error:
                self.error = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return self.tell() if size is None else size
