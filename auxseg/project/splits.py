"""Which photographs are held out for evaluation, where labels do not say."""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from auxseg.datasets.record import Record

_ONE_IN = 5
_MOST = 500
"""90 photographs tell differences of three points in mIoU from chance, 500 of little more than one;
and each takes half a second in every round."""


def hold_out(records: Sequence[Record]) -> tuple[Record, ...]:
    """Move photographs with a true mask from split train to val.

    At most one in five of the training photographs, 500, and half of those of any class. They are
    drawn by the digest of their id: the same on every machine, and whatever else is in the folder.
    """
    train = [record for record in records if record.split == "train"]
    most = min(len(train) // _ONE_IN, _MOST)
    left = Counter(k for record in train for k in record.labels)
    least = {k: count / 2 for k, count in left.items()}
    chosen: set[str] = set()
    for record in sorted((r for r in train if r.mask is not None), key=_draw):
        if len(chosen) < most and all(left[k] - 1 >= least[k] for k in record.labels):
            chosen.add(record.id)
            left.subtract(record.labels)
    return tuple(replace(r, split="val") if r.id in chosen else r for r in records)


def _draw(record: Record) -> str:
    return hashlib.sha256(os.fsencode(record.id)).hexdigest()
