"""How a stage runs, none of which may change what it writes: threads, device, progress."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

_LINES_A_STAGE = 10


@dataclass(frozen=True)
class Runtime:
    """Where and how wide a stage runs.

    Attributes:
        threads: processor cores the stage may use.
        device: "auto", "cpu", "cuda", "mps": Fabric's accelerator names.
    """

    threads: int = 1
    device: str = "auto"


def progress(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """Yield items under a bar on a terminal; in a log, about ten plain lines in all."""
    if sys.stderr.isatty():
        yield from tqdm(items, desc=what, total=total, dynamic_ncols=True)
        return
    step = max(1, -(-total // _LINES_A_STAGE))
    for done, item in enumerate(items, start=1):
        yield item
        if done % step == 0 or done == total:
            print(f"{what}: {done}/{total}", file=sys.stderr, flush=True)
