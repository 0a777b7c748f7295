"""images.h5: the files of photographs, as they are, in one that any file system reads fast."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from auxseg.datasets.record import Record
from auxseg.store import Header, MapReader, MapWriter, Shard

KIND = "images"


def packed_beside(index: Path) -> Path:
    """Where the photographs of an index are packed."""
    return index.with_name("images.h5")


def pack(index: Path, options: str, records: Sequence[Record], shard: Shard) -> None:
    """Pack the photographs of an index, or of a shard of it; those of shards are joined.

    Raises:
        UserError: a shard is missing or damaged, or the system cannot write.
    """
    # Files have no digest here, so those of an interrupted run may be others.
    with MapWriter(
        packed_beside(index), Header(KIND, options), resume=False, shard=shard
    ) as writer:
        missing = set(writer.missing(record.id for record in records))
        for record in records:
            if record.id in missing:
                writer.put(record.id, np.frombuffer(record.image.read_bytes(), dtype=np.uint8))


def packed_content(path: Path, image_id: str) -> bytes:
    """The bytes of a photograph's file.

    Raises:
        UserError: there is no such artifact or image, or it is damaged.
    """
    return _reader(path, path.stat().st_mtime_ns if path.exists() else 0).read(image_id).tobytes()


@lru_cache(maxsize=1)
def _reader(path: Path, _: int) -> MapReader:
    """One reader a process, opened again where the file has changed."""
    return MapReader(path, KIND)
