"""A stage's images divided among processes, on one machine or many, and joined again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from auxseg.store.artifact import Header

FINGERPRINT = "fingerprint"
_SHARD = "shard"

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
        return items[self.places]

    @property
    def places(self) -> slice:
        """Where this shard's are among all items."""
        return slice(None) if self.number is None else slice(self.number - 1, None, self.of)

    def header(self, header: Header) -> Header:
        """What the artifact of this shard says of itself, given what the whole says."""
        if self.number is None:
            return header
        about = {_SHARD: str(self), FINGERPRINT: header.fingerprint()}
        return replace(header, extra={**header.extra, **about})

    def fits(self, attributes: dict[str, Any], header: Header) -> bool:
        """Whether an artifact with such attributes is this shard of the work of a header."""
        found = attributes.get(_SHARD), attributes.get(FINGERPRINT)
        return found == (str(self), header.fingerprint())

    @property
    def joins(self) -> bool:
        """Whether all images are to come from shards."""
        return self.number is None and self.of > 1

    def each(self) -> list["Shard"]:
        """All shards there are."""
        return [Shard(number, self.of) for number in range(1, self.of + 1)]

    def file(self, path: Path) -> Path:
        """Where a shard of an artifact is: 3 of 8 of run/cam.h5 at run/shards/3_of_8/cam.h5."""
        return path.parent / "shards" / f"{self.number}_of_{self.of}" / path.name

    def files(self, path: Path) -> list[Path]:
        """Where all shards of an artifact are."""
        return [shard.file(path) for shard in self.each()]


ALL = Shard()
