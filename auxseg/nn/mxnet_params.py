"""MXNet's parameter files, as the ImageNet weights of ResNet38d are published: arrays with names.

A file is a list of arrays and one of their names. Of the array's record there are three versions:
the first of all begins with the number of dimensions, the others with a number of their own.
"""

import math
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

_FILE = 0x112
_WITH_LONG_SHAPE, _WITH_STORAGE = 0xF993FAC8, (0xF993FAC9, 0xF993FACA)
_MOST_ARRAYS, _MOST_DIMENSIONS = 10_000, 8
_TYPES = ("<f4", "<f8", "<f2", "<u1", "<i4", "<i1", "<i8")


def read_params(path: Path) -> dict[str, Tensor]:
    """The tensors of a .params file by name, without the prefixes `arg:` and `aux:`.

    Raises:
        ValueError: not a file of MXNet's, a damaged one, or one of arrays that are not dense.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        content = _Content(stream, path.stat().st_size)
        kind, _, count = content.numbers("QQQ")
        if kind != _FILE or count > _MOST_ARRAYS:
            raise ValueError("no parameters of MXNet's")
        arrays = [_array(content) for _ in range(count)]
        (named,) = content.numbers("Q")
        if named != count:
            raise ValueError(f"{count} arrays and {named} names")
        names = [content.take(*content.numbers("Q")).decode() for _ in range(named)]
    return {
        name.partition(":")[2] or name: torch.from_numpy(array)
        for name, array in zip(names, arrays, strict=True)
    }


class _Content:
    """What is left of a file: no more is asked for, whatever it says of itself."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def take(self, count: int) -> bytearray:
        """The next bytes, in memory of their own."""
        if count > self._left:
            raise ValueError("it ends early")
        self._left -= count
        found = bytearray(count)
        self._stream.readinto(found)  # type: ignore[attr-defined]
        return found

    def numbers(self, kinds: str) -> tuple[int, ...]:
        """The next numbers, of types as `struct` names them."""
        pattern = struct.Struct(f"<{kinds}")
        return pattern.unpack(self.take(pattern.size))


def _array(content: _Content) -> np.ndarray:
    (first,) = content.numbers("I")
    if first in _WITH_STORAGE:
        (storage,) = content.numbers("i")
        if storage != 0:
            raise ValueError("an array that is not dense")
    newer = first in (_WITH_LONG_SHAPE, *_WITH_STORAGE)
    (dimensions,) = content.numbers("I") if newer else (first,)
    if not 0 < dimensions <= _MOST_DIMENSIONS:
        raise ValueError(f"an array of {dimensions} dimensions")
    shape = content.numbers(("q" if newer else "I") * dimensions)
    _, _, kind = content.numbers("iii")  # the first two say on which device it was
    if not 0 <= kind < len(_TYPES) or min(shape) < 1:
        raise ValueError(f"an array of the unknown type {kind} or the shape {shape}")
    dtype = np.dtype(_TYPES[kind])
    return np.frombuffer(content.take(dtype.itemsize * math.prod(shape)), dtype).reshape(shape)
