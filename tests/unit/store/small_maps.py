"""Small artifacts of maps, whole or with parts left."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from auxseg.store import Header, MapWriter

HEADER = Header("labels", '{"threshold": 0.2}', {"cam": "abc"}, {"classes": ["cat", "dog"]})


def a_map(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 255, (10, 12), dtype=np.uint8)


def write(path: Path, numbers: Iterable[int] = range(5), header: Header = HEADER, **options):
    with MapWriter(path, header, **options) as writer:
        for image_id in writer.missing(str(number) for number in numbers):
            writer.put(image_id, a_map(int(image_id)))


def stopped_after(path: Path, numbers: Iterable[int], **options) -> None:
    """As `write`, but stopped before the end: parts are left."""
    with pytest.raises(KeyboardInterrupt), MapWriter(path, HEADER, **options) as writer:
        for number in numbers:
            writer.put(str(number), a_map(number))
        raise KeyboardInterrupt
