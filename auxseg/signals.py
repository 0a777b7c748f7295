"""Signals kept back while something runs that an exception would tear apart.

HDF5 writes through functions of ours, and calls them where Python cannot pass an exception on: one
raised by a signal there is lost, and so is what was being written.
"""

import contextlib
import signal
from collections.abc import Iterator

_depth = 0
_kept: list[int] = []


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Keep signals back until the outermost such block has ended, and let them be heard then."""
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _hear()


def keep(number: int) -> bool:
    """Whether a signal that just came is kept back; for the handler that would raise otherwise."""
    if _depth:
        _kept.append(number)
    return _depth > 0


def let_signals_in() -> None:
    """Let what was kept back be heard now: between the steps of long undisturbed work."""
    global _depth
    depth, _depth = _depth, 0
    try:
        _hear()
    finally:
        _depth = depth


def _hear() -> None:
    if _kept:
        number = _kept[0]
        _kept.clear()
        signal.raise_signal(number)
