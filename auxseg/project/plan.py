"""All that is known before a project is written."""

import statistics
from dataclasses import dataclass
from pathlib import Path

from auxseg.datasets.record import Dataset
from auxseg.project.labelled import Labels
from auxseg.project.machine import Machine


@dataclass(frozen=True)
class Request:
    """What a user asks for; paths as Snakemake will find them from its own folder.

    Attributes:
        project: folder to write.
        images: folder of the photographs, which stay there.
        labels: a CSV or COCO's JSON; None = the photographs' folders.
        masks: folder of true masks; None = there are none.
        run: the run's name.
    """

    project: Path
    images: Path
    labels: Path | None
    masks: Path | None
    run: str

    @property
    def config(self) -> Path:
        """The configuration to write."""
        return self.project / "config.yaml"

    @property
    def table(self) -> Path:
        """The table of labels to write."""
        return self.project / "labels.csv"


@dataclass(frozen=True)
class Plan:
    """What was asked for and what was found.

    Attributes:
        asked: what was asked for.
        found: the labels as they came.
        data: the photographs with their classes and splits.
        sides: longest side of each photograph, pixels.
        contradictions: sentences on true masks that show other classes than the labels.
        machine: on which this was found.
    """

    asked: Request
    found: Labels
    data: Dataset
    sides: tuple[int, ...]
    contradictions: tuple[str, ...]
    machine: Machine

    @property
    def typical_side(self) -> int:
        """Median of the longest sides, pixels."""
        return round(statistics.median(self.sides))

    def count(self, split: str) -> int:
        """Photographs of a split."""
        return sum(record.split == split for record in self.data.records)
