"""A stage's images divided among processes, on one machine or many, and joined again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """Which images a process works on.

    Attributes:
        number: of the shard, 1 to `of`; None = all images, joined from `of` shards if those are
            more than one.
        of: shards.
    """

    number: int | None = None
    of: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def take(self, items: Sequence[Item]) -> Sequence[Item]:
        """This shard's of all items: every `of`-th, so that all shards take about as long."""
        return items if self.number is None else items[self.number - 1 :: self.of]

    def files(self, path: Path) -> list[Path]:
        """What the shards left, to be joined as `path`; none where there is nothing to join.

        Shard 3 of 8 of results/run/cam.h5 is results/run/shards/3_of_8/cam.h5.
        """
        if self.number is not None or self.of == 1:
            return []
        folders = (f"{number}_of_{self.of}" for number in range(1, self.of + 1))
        return [path.parent / "shards" / folder / path.name for folder in folders]


ALL = Shard()
