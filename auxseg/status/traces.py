"""What an unfinished job has left behind: signs of life, how far it came, and how it ended.

A job at work writes parts, a checkpoint, files aside (`.tmp`), TensorBoard's events and its log: a
line at least every 20 seconds of progress. Nothing in a run's folder tells whether its process
still lives, nor do Snakemake's locks and its marks of incomplete files, which a kill leaves as they
are. So the times of these files are all there is, and the log's words where it tells its end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from auxseg.status.jobs import Job
from auxseg.status.logs import how_far, how_it_ended, last_lines, unfinished_log
from auxseg.status.records import RunFiles, latest_change
from auxseg.store import maps_in_parts, parts_folder, temporary_beside


@dataclass(frozen=True)
class Trace:
    """What an unfinished job has left.

    Attributes:
        last: time of the last sign of life, in seconds since the epoch.
        how_far: in words; empty where that cannot be told.
        end: how it ended, as its log tells; empty where the log does not.
    """

    last: float
    how_far: str
    end: str


def trace_of(run: RunFiles, job: Job) -> Trace | None:
    """The traces of a job whose outputs are not all there; None of one that never began."""
    outputs = [run.folder / path for path in job.outputs]
    log = unfinished_log(run.folder, job.log)
    lines = [] if log is None else last_lines(log)
    spoke = latest_change([] if log is None else [log])
    worked = latest_change(path for output in outputs for path in _unfinished(output))
    if not (spoke or worked):
        return None
    return Trace(
        # Events stay when a training has ended: they tell of one at work, not that there is one.
        max(spoke, worked, latest_change(path for output in outputs for path in _events(output))),
        _maps_done(run, job, outputs) or how_far(lines),
        how_it_ended(lines) if spoke >= worked else "",  # else begun again, without Snakemake
    )


def _unfinished(output: Path) -> Iterator[Path]:
    """Where the work towards an output lies until it is whole."""
    parts = parts_folder(output)
    yield temporary_beside(output)
    yield parts
    yield from parts.glob("*")
    if output.suffix == ".safetensors":
        yield from output.parent.glob("checkpoint.pt*")


def _events(output: Path) -> Iterator[Path]:
    if output.suffix == ".safetensors":
        yield from output.parent.glob("tensorboard/*")


def _maps_done(run: RunFiles, job: Job, outputs: list[Path]) -> str:
    """`64 of 80 photographs`: what whole parts hold, which the next start goes on from."""
    done = min(maps_in_parts(output) for output in outputs)
    if not (done and job.photographs):
        return ""
    total = run.photographs(job.photographs)
    of = "" if total is None else f" of {len(job.shard.take(range(total)))}"
    return f"{done}{of} photographs"
