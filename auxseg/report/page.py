"""The page of a run, from its template."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from auxseg.report.provenance import Origin
from auxseg.report.tables import Figure, RoundTable


@dataclass(frozen=True)
class Picture:
    """A picture that is part of the page.

    Attributes:
        source: its URL.
        alt: what it shows, for who cannot see it.
        caption: a sentence beside it.
    """

    source: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Page:
    """All that the template shows.

    Attributes:
        folder: of the page, as seen from where the workflow ran.
        counts: split -> number of images.
        final: the headline figure, None where nothing could be scored.
        per_class: (class, one cell a column) of the last round, columns named by
            `per_class_columns`.
        supervision: (what, sentence).
        figures, config: URLs of metrics.csv and config.yaml.
        gallery: what the browser of pictures reads, JSON without "<".
        shown, pictured, panels: images in the gallery, that there are maps of, and of each split in
            panels/.
    """

    title: str
    run: str
    folder: str
    classes: Sequence[str]
    colors: Sequence[tuple[int, int, int]]
    counts: dict[str, int]
    rounds: int
    final: Figure | None
    table: RoundTable
    per_class_columns: Sequence[str]
    per_class: Sequence[tuple[str, Sequence[str]]]
    supervision: Sequence[tuple[str, str]]
    plots: Sequence[Picture]
    figures: str
    config: str
    gallery: str
    shown: int
    pictured: int
    panels: int
    origins: Sequence[Origin]
    version: str


def render(page: Page) -> str:
    """The whole page as HTML; every text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html").render(page=page)
