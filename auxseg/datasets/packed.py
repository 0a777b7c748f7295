"""images.h5: the files of photographs, as they are, in one that any file system reads fast."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from auxseg.datasets.record import Record
from auxseg.images import read_content
from auxseg.store import MAPS_PER_PART, Header, MapReader, MapWriter, Shard, join_shards

_KIND = "images"


class PackedImages:
    """The packed photographs of an index, opened when the first is read.

    Each process that it is sent to opens the file for itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: MapReader | None = None

    def __reduce__(self) -> tuple[type["PackedImages"], tuple[Path]]:
        return PackedImages, (self.path,)

    def content(self, image_id: str) -> bytes:
        """The bytes of a photograph's file.

        Raises:
            UserError: there is no such artifact or image, or it is damaged.
        """
        if self._reader is None:
            self._reader = MapReader(self.path, _KIND)
        return self._reader.read(image_id).tobytes()


def packed_beside(index: Path) -> Path:
    """Where the photographs of an index are packed."""
    return index.with_name("images.h5")


def pack(index: Path, options: str, records: Sequence[Record], shard: Shard, threads: int) -> None:
    """Pack the photographs of an index, or of a shard of it; those of shards are joined.

    Raises:
        UserError: a photograph cannot be read any more, or a shard; or the system cannot write.
    """
    path, header = packed_beside(index), Header(_KIND, options)
    if shard.joins:
        join_shards(path, header, shard, [record.id for record in records])
        return
    # Files have no digest here, so those of an interrupted run may be others.
    with (
        MapWriter(path, header, resume=False, shard=shard) as writer,
        ThreadPoolExecutor(threads) as pool,
    ):
        for start in range(0, len(records), MAPS_PER_PART):  # what is read and not yet written
            some = records[start : start + MAPS_PER_PART]
            contents = pool.map(read_content, [record.image for record in some])
            for record, content in zip(some, contents, strict=True):
                writer.put(record.id, np.frombuffer(content, dtype=np.uint8))
