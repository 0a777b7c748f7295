"""What opening every photograph of a data set told: found here, or by shards."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auxseg.datasets.doubts import contradictions
from auxseg.datasets.record import Record, mask_faults, size_faults
from auxseg.errors import UserError
from auxseg.images import read_image, read_saliency
from auxseg.store import Header, Shard, file_digest, read_table, write_table

_KIND = "checks"


@dataclass(frozen=True)
class Checked:
    """What opening one photograph, and all that belongs to it, told.

    Attributes:
        size: (height, width), upright.
        digest: SHA-256 of the file.
        faults: a sentence each; any of them stops the stage.
        doubts: a sentence each, about labels that the true mask contradicts.
    """

    size: tuple[int, int] = (0, 0)
    digest: str = ""
    faults: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def check(record: Record, classes: tuple[str, ...]) -> Checked:
    """Decode one photograph with all that belongs to it."""
    try:
        height, width = read_image(record.image).shape[:2]
        digest = file_digest(record.image)
    except UserError as error:
        return Checked(faults=(str(error),))
    size, faults, doubts = (height, width), [], []
    try:
        if record.mask is not None:
            mask = record.mask()
            faults += mask_faults(record.id, mask, size, len(classes))
            doubts += contradictions(record, mask, classes)
        if record.saliency is not None:
            faults += size_faults(str(record.saliency), read_saliency(record.saliency), size)
    except UserError as error:
        faults.append(str(error))
    return Checked(size, digest, tuple(faults), tuple(doubts))


def write_checks(
    path: Path, options: str, shard: Shard, records: Sequence[Record], found: list[Checked]
) -> None:
    """Write what a shard found of its records."""
    texts = {
        "id": [record.id for record in records],
        "digest": [checked.digest for checked in found],
        "faults": [json.dumps(checked.faults) for checked in found],
        "doubts": [json.dumps(checked.doubts) for checked in found],
    }
    columns = {name: np.array(values, dtype=object) for name, values in texts.items()}
    columns["size"] = np.array([c.size for c in found], dtype=np.int32).reshape(-1, 2)
    write_table(path, shard.header(Header(_KIND, options)), columns)


def read_checks(path: Path, options: str, shard: Shard, records: Sequence[Record]) -> list[Checked]:
    """Read what a shard found of its records.

    Raises:
        UserError: missing, damaged, or of other options or records.
    """
    attributes, columns = read_table(path, _KIND)
    same_records = list(columns["id"]) == [record.id for record in records]
    if not (same_records and shard.fits(attributes, Header(_KIND, options))):
        raise UserError(
            f"{path}: a shard made with other options or photographs; delete it and run it again."
        )
    return [
        Checked(
            size=(int(height), int(width)),
            digest=digest,
            faults=tuple(json.loads(faults)),
            doubts=tuple(json.loads(doubts)),
        )
        for (height, width), digest, faults, doubts in zip(
            *(columns[name] for name in ("size", "digest", "faults", "doubts")), strict=True
        )
    ]
