"""The one form that labels of any format take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Labelled:
    """What one entry says of a photograph; entries of the same photograph add up.

    Attributes:
        place: where it stands, for whoever must mend it.
        image: the photograph's name, as it stands there.
        classes: that the photograph shows.
        split: train, val or test; "" where the entry does not say.
    """

    place: str
    image: str
    classes: tuple[str, ...]
    split: str = ""


@dataclass(frozen=True)
class Labels:
    """All that a table, a file of annotations or the folders say.

    Attributes:
        source: the file or folder.
        format: which format was recognised, in words.
        rows: the entries.
        classes: that are named, whether a photograph shows them or not.
        entry: what an entry is called.
        faults: a sentence each.
    """

    source: str
    format: str
    rows: tuple[Labelled, ...]
    classes: frozenset[str]
    entry: str = "row"
    faults: tuple[str, ...] = ()

    @property
    def names_splits(self) -> bool:
        """Whether any entry says for what its photograph is used."""
        return any(row.split for row in self.rows)
