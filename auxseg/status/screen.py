"""The states of a run's jobs for people, as an aligned table, and for programs, as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from auxseg.status.states import JobState

_COLOURS = {
    "done": "green",
    "stale": "yellow",
    "unreadable": "red",
    "running": "cyan",
    "interrupted": "magenta",
    "missing": "bright_black",
}
_HEADINGS = ("stage", "round", "state", "made or last seen", "how far", "why")
_STATE = _HEADINGS.index("state")
_DOUBT = "running: wrote something within ten minutes; one that was killed since looks the same."


def as_table(states: Sequence[JobState], *, colour: bool) -> str:
    """Aligned columns, without those that are empty; a word on what cannot be known.

    Args:
        states: a row each.
        colour: paint the states, for terminals.
    """
    rows = [_HEADINGS, *(_cells(state) for state in states)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    used = [any(column[1:]) for column in zip(*rows, strict=True)]
    lines = []
    for cells in rows:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        if colour and cells[_STATE] in _COLOURS:
            padded[_STATE] = click.style(padded[_STATE], fg=_COLOURS[cells[_STATE]])
        lines.append("  ".join(c for c, shown in zip(padded, used, strict=True) if shown).rstrip())
    if any(state.state == "running" for state in states):
        lines += ["", _DOUBT]
    return "\n".join(lines)


def as_json(states: Sequence[JobState]) -> str:
    """A list of one object a row, times in ISO 8601."""
    rows = [{**asdict(s), "when": s.when and s.when.isoformat("T", "seconds")} for s in states]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def figures_so_far(folder: Path, states: Sequence[JobState]) -> str:
    """The figures of all rounds whose scoring is done, as `auxseg table` shows them."""
    from auxseg.report.figures import read_figures  # here, as pandas takes a while to load
    from auxseg.report.tables import gather, plain_text

    scored = [s.round for s in states if s.stage == "evaluate" and s.state == "done"]
    tables = {r: read_figures(folder / f"round{r}/metrics.csv") for r in scored if r is not None}
    return plain_text(gather(tables)).rstrip() if tables else ""


def _cells(state: JobState) -> tuple[str, ...]:
    return (
        state.stage,
        "" if state.round is None else str(state.round),
        state.state,
        "" if state.when is None else f"{state.when:%Y-%m-%d %H:%M:%S}",
        state.how_far,
        state.why,
    )
