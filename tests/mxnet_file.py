"""A file of MXNet's parameters, of the version that old ones have."""

import struct

import numpy as np


def first_version(arrays: dict[str, np.ndarray]) -> bytes:
    """As MXNet wrote it in 2016: every array begins with its number of dimensions."""
    parts = [struct.pack("<QQQ", 0x112, 0, len(arrays))]
    for values in arrays.values():
        head = struct.pack(f"<I{values.ndim}Iiii", values.ndim, *values.shape, 1, 0, 0)
        parts += [head, values.astype("<f4").tobytes()]
    names = [struct.pack("<Q", len(name)) + name.encode() for name in arrays]
    return b"".join([*parts, struct.pack("<Q", len(names)), *names])
