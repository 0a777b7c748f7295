"""What the logs of a run's jobs tell: whether a job ended well, how far it came, how it ended."""

import re
from pathlib import Path

_TAIL = 2**16  # bytes
_END = re.compile(r"auxseg: (error: |stopped by )|Traceback \(most recent call last\)")
_COUNTS = (
    (re.compile(r"epoch (\d+)/(\d+): (\d+)/(\d+)"), "epoch {} of {}, step {} of {}"),
    (re.compile(r"epoch (\d+)/(\d+): .*"), "{} of {} epochs"),
    (re.compile(r"goes on (after step \d+ of \d+)"), "{}"),
    (re.compile(r"(\w[\w ]*): (\d+)/(\d+)"), "{} {} of {}"),
)


def unfinished_log(folder: Path, name: str) -> Path | None:
    """The log of a job that Snakemake began and that has not ended well; None of others.

    Snakemake writes a job's benchmark when the job has ended well.

    Args:
        folder: of the run.
        name: of the job's log and benchmark.
    """
    log, benchmark = folder / f"logs/{name}.log", folder / f"benchmarks/{name}.tsv"
    if not log.is_file():
        return None
    ended = benchmark.is_file() and benchmark.stat().st_mtime_ns >= log.stat().st_mtime_ns
    return None if ended else log


def last_lines(log: Path) -> list[str]:
    """The last lines of a log; a bar that was drawn over itself has a line for each state."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _TAIL))
        return stream.read().decode(errors="replace").splitlines()


def how_far(lines: list[str]) -> str:
    """What the last line that counts something says, in words; empty where none does."""
    for line in reversed(lines):
        for pattern, words in _COUNTS:
            if found := pattern.fullmatch(line):
                return words.format(*found.groups())
    return ""


def how_it_ended(lines: list[str]) -> str:
    """The sentence that a job ended with; empty where there is none, or work went on behind it."""
    place = max((i for i, line in enumerate(lines) if _END.match(line)), default=None)
    if place is None or how_far(lines[place:]):
        return ""
    if lines[place].startswith("Traceback"):
        return lines[-1].strip()
    return lines[place].removeprefix("auxseg: ").partition("; the same command")[0]
