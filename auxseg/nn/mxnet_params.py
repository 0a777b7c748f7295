"""MXNet's parameter files, as the ImageNet weights of ResNet38d are published: arrays with names.

A file is a list of arrays and one of their names. Of the array's record there are three versions:
the first of all begins with the number of dimensions, the others with a number of their own.
"""

import io
import math
import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

_FILE = 0x112
_WITH_LONG_SHAPE, _WITH_STORAGE = 0xF993FAC8, (0xF993FAC9, 0xF993FACA)
_MOST_DIMENSIONS = 8
_TYPES = ("<f4", "<f8", "<f2", "<u1", "<i4", "<i1", "<i8")


def read_params(path: Path) -> dict[str, Tensor]:
    """The tensors of a .params file by name, without the prefixes `arg:` and `aux:`.

    Raises:
        ValueError: no such file, or one that ends early.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    stream = io.BytesIO(content)
    kind, _, count = _numbers(stream, "QQQ")
    if kind != _FILE:
        raise ValueError("no file of MXNet's")
    arrays = [_array(stream) for _ in range(min(count, len(content)))]
    (named,) = _numbers(stream, "Q")
    if named != count:
        raise ValueError(f"{count} arrays and {named} names")
    names = [_name(stream) for _ in range(named)]
    return {
        name.partition(":")[2] or name: torch.from_numpy(array)
        for name, array in zip(names, arrays, strict=True)
    }


def _array(stream: io.BytesIO) -> np.ndarray:
    (first,) = _numbers(stream, "I")
    if first in _WITH_STORAGE:
        (storage,) = _numbers(stream, "i")
        if storage != 0:
            raise ValueError("an array that is not dense")
    newer = first in (_WITH_LONG_SHAPE, *_WITH_STORAGE)
    (dimensions,) = _numbers(stream, "I") if newer else (first,)
    if not 0 < dimensions <= _MOST_DIMENSIONS:
        raise ValueError(f"an array of {dimensions} dimensions")
    shape = _numbers(stream, ("q" if newer else "I") * dimensions)
    _, _, kind = _numbers(stream, "iii")  # the first two say on which device it was
    if not 0 <= kind < len(_TYPES):
        raise ValueError(f"an array of the unknown type {kind}")
    if min(shape) < 0:
        raise ValueError(f"an array of the shape {shape}")
    dtype = np.dtype(_TYPES[kind])
    return np.frombuffer(_bytes(stream, dtype.itemsize * math.prod(shape)), dtype).reshape(shape)


def _name(stream: io.BytesIO) -> str:
    (length,) = _numbers(stream, "Q")
    return _bytes(stream, length).decode()


def _numbers(stream: io.BytesIO, kinds: str) -> tuple[int, ...]:
    pattern = struct.Struct(f"<{kinds}")
    return pattern.unpack(_bytes(stream, pattern.size))


def _bytes(stream: io.BytesIO, count: int) -> bytearray:
    """A copy of its own: torch wants tensors that can be written to."""
    found = bytearray(stream.read(min(count, stream.getbuffer().nbytes)))
    if len(found) < count:
        raise ValueError("it ends early")
    return found
