"""What may happen to files and to processes that write them."""

import subprocess
import sys
from pathlib import Path

import h5py


def in_another_process(*lines: str) -> subprocess.CompletedProcess:
    """Run lines of Python that may kill or limit the process they run in."""
    start = [
        "import os, resource, signal, sys",
        "from pathlib import Path",
        "import numpy as np",
        "from auxseg.store import Header, MapWriter, write_atomically, write_table",
        "header = Header('labels')",
    ]
    command = [sys.executable, "-c", "\n".join([*start, *lines])]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def spoil(path: Path, inside: str) -> None:
    """Overwrite the start of what HDF5 knows of one object of a file."""
    with h5py.File(path, "r") as file:
        place = h5py.h5o.get_info(file[inside].id).addr
    with path.open("r+b") as stream:
        stream.seek(place)
        stream.write(b"\xff" * 16)


def with_a_flipped_bit(content: bytes, place: int) -> bytes:
    """The content with one bit changed; `place` counts bits."""
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)
