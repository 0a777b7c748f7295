"""Writes artifacts of maps: atomic and resumable.

Work goes to `{name}.parts/NNNNN.h5`, each part written aside, fsynced and renamed; in the end the
parts are joined under the final name. A kill at any instant costs at most one part.
"""

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from auxseg.errors import UserError
from auxseg.signals import undisturbed
from auxseg.store.artifact import (
    Header,
    new_artifact,
    read_attributes,
    reading,
    write_attributes,
)
from auxseg.store.atomic import writing
from auxseg.store.h5file import create_h5
from auxseg.store.maps import GROUP, copy_maps, id_of, key_of, read_map, write_map
from auxseg.store.shard import ALL, FINGERPRINT, Shard

MAPS_PER_PART = 64


def parts_folder(path: Path) -> Path:
    """Where the parts of an unfinished artifact are."""
    return path.with_name(path.name + ".parts")


def part_files(path: Path) -> list[Path]:
    """The whole parts of an unfinished artifact, in the order of their making."""
    return sorted(parts_folder(path).glob("[0-9]*.h5"), key=lambda file: int(file.stem))


def maps_in_parts(path: Path) -> int:
    """How many maps the parts of an unfinished artifact hold; a damaged one counts as none."""
    count = 0
    for part in part_files(path):
        with contextlib.suppress(OSError, KeyError, RuntimeError), h5py.File(part, "r") as file:
            count += len(file[GROUP])
    return count


def remove_leftovers(path: Path, shard: Shard) -> None:
    """Remove the parts of a finished artifact, and what runs in other numbers of shards left of it.

    Args:
        path: of the artifact.
        shard: that it holds; one of several leaves the others alone.
    """
    shutil.rmtree(parts_folder(path), ignore_errors=True)
    if shard.number is not None:
        return
    now = shard.files(path) if shard.joins else []
    for file in (path.parent / "shards").glob(f"*_of_*/{path.name}*"):
        if file.with_name(path.name) not in now:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
            with contextlib.suppress(OSError):  # not empty: other artifacts' shards
                file.parent.rmdir()


class MapWriter:
    """Writes one map an image; continues after the last whole part of an interrupted run.

    Use as a context manager: leaving it without an error finishes the file.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        maps_per_part: int = MAPS_PER_PART,
        *,
        resume: bool = True,
        shard: Shard = ALL,
    ) -> None:
        """Open the artifact for writing.

        Args:
            path: the final name.
            header: of the artifact.
            maps_per_part: images that a kill may cost.
            resume: False discards the parts of an interrupted run: for inputs without a digest.
            shard: whose images are written.
        """
        self.path = Path(path)
        self.header = header
        self._parts = parts_folder(self.path)
        self._maps_per_part = maps_per_part
        self._pending: dict[str, tuple[np.ndarray, dict[str, Any]]] = {}
        self._shard = shard
        if not resume:
            shutil.rmtree(self._parts, ignore_errors=True)
        self._done = self._recover()

    def missing(self, ids: Iterable[str]) -> list[str]:
        """The ids, in order, that no whole part holds yet."""
        return [i for i in ids if i not in self._done and i not in self._pending]

    def put(self, image_id: str, array: np.ndarray, **attributes: Any) -> None:
        """Add one image's map; flushed to disk with its part. What a whole part holds stays."""
        if image_id in self._done:
            return
        self._pending[image_id] = (array, attributes)
        if len(self._pending) >= self._maps_per_part:
            self.flush()

    def join(self) -> None:
        """Join the parts under the final name."""
        self.flush()
        header = self._shard.header(self.header)
        with new_artifact(self.path, header, GROUP) as (maps, digests):
            for part in part_files(self.path):
                with reading(part, "damaged"), h5py.File(part, "r") as source:
                    digests |= copy_maps(source[GROUP], maps)

    def remove_parts(self) -> None:
        """Remove the parts, and of all images those that shards of an earlier run left."""
        remove_leftovers(self.path, self._shard)

    def __enter__(self) -> "MapWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _end([self], kind)

    def _recover(self) -> set[str]:
        """Ids in whole parts; damaged parts, and those of other options or inputs, are removed."""
        fingerprint = self.header.fingerprint()
        done: set[str] = set()
        for part in part_files(self.path):
            try:
                with reading(part), h5py.File(part, "r") as file:
                    fits = read_attributes(file.attrs).get(FINGERPRINT) == fingerprint
                    keys = list(file[GROUP]) if fits else []
                    for key in keys:
                        read_map(file[GROUP][key], key)
            except UserError:
                fits, keys = False, []
            if not fits:
                part.unlink()
            done |= {id_of(key) for key in keys}
        return done

    def flush(self) -> None:
        """Write what waits for its part to be full as a part."""
        if not self._pending:
            return
        files = part_files(self.path)
        number = int(files[-1].stem) + 1 if files else 0
        temporary = self._parts / f"{number:05d}.h5.tmp"
        final = self._parts / f"{number:05d}.h5"
        with undisturbed():  # stopped between its name and the end, a part would be written twice
            with writing(temporary, final), create_h5(temporary) as file:
                write_attributes(file.attrs, {FINGERPRINT: self.header.fingerprint()})
                maps = file.create_group(GROUP)
                for image_id, (array, attributes) in self._pending.items():
                    write_map(maps, key_of(image_id), array, attributes)
            self._done |= self._pending.keys()
            self._pending = {}


@contextlib.contextmanager
def writing_together(*writers: MapWriter) -> Iterator[tuple[MapWriter, ...]]:
    """Finish several artifacts of one stage, so that no part is gone before all are whole."""
    try:
        yield writers
    except BaseException as error:
        _end(writers, type(error))
        raise
    _end(writers, None)


def _end(writers: Sequence[MapWriter], error: type[BaseException] | None) -> None:
    """Finish the writers' work together, or keep what is done of work that is stopped."""
    if error is None:
        for writer in writers:
            writer.join()
        for writer in writers:
            writer.remove_parts()
    elif not issubclass(error, Exception):  # stopped from outside: nothing done is to be lost
        for writer in writers:
            writer.flush()
