"""The state of every job of a run, judged by the files in the run's folder alone.

done         whole, and made from the inputs that lie there
stale        whole, and made from other inputs, or from such as are themselves to be made again
unreadable   a file is damaged or of another format: delete it, so that its stage makes it again
running      not whole, and something was written within the last ten minutes; a process that was
             killed since then looks the same
interrupted  not whole, and the log tells that the job ended, or nothing was written for longer; a
             process that waits so long looks the same
missing      nothing is there

Inputs are compared by digest: an artifact records that of each input, and holds that of its own
content, so that no map is read. Weights hold none; they are hashed up to 64 MiB, of larger ones it
is the file's time that must not be later. Tables and the page record nothing and are judged by time
as well. What lies outside of the folder is not looked at: whether photographs, files that an option
names, or the configuration have changed since then only Snakemake can tell (`snakemake -n`).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from auxseg.errors import UserError
from auxseg.status.jobs import Job, jobs_of, shards_of
from auxseg.status.records import Record, RunFiles
from auxseg.status.traces import trace_of

State = Literal["done", "stale", "unreadable", "running", "interrupted", "missing"]

QUIET = 600  # seconds without a sign of life
_REASONS_TOLD = 2


@dataclass(frozen=True)
class JobState:
    """One job of a run.

    Attributes:
        stage: its name, with the folder where that is none of a round's, or the shard.
        round: the number in the folder's name; None outside of rounds.
        state: see the module's docstring.
        when: it was made, or gave its last sign of life, in local time; None of what is missing.
        how_far: it came, in words; empty where that cannot be told.
        why: it is not done; empty where there is nothing to say.
    """

    stage: str
    round: int | None
    state: State
    when: datetime | None = None
    how_far: str = ""
    why: str = ""


def job_states(folder: Path) -> list[JobState]:
    """The state of every job of a run in the order of the data; of shards those that are not done.

    Args:
        folder: the run's, results/{run}.

    Raises:
        UserError: there is no run in the folder.
    """
    no_run = UserError(f"{folder}: holds no run; name the folder of one, results/{{run}}.")
    if not folder.is_dir():
        raise no_run
    run = RunFiles(folder)
    made_by: dict[str, JobState] = {}
    states: list[JobState] = []
    for job in jobs_of(run):
        shards = shards_of(folder, job)
        begun = [_state(shard, run, made_by) for shard in shards]
        whole = _state(job, run, made_by)
        state = _with_shards(whole, begun, of=shards[0].shard.of) if shards else whole
        made_by |= dict.fromkeys(job.outputs, state)
        states += [state, *(shard for shard in begun if _is_told(shard, whole))]
    if all(state.state == "missing" for state in states):
        raise no_run
    return states


def _state(job: Job, run: RunFiles, made_by: Mapping[str, JobState]) -> JobState:
    found = {path: record for path in job.outputs if (record := run.record(path)) is not None}
    faults = [f"{path}: {record.fault}" for path, record in found.items() if record.fault]
    when = max((record.made for record in found.values()), default=None)
    if faults:
        return JobState(job.stage, job.round, "unreadable", when, why=" ".join(faults))
    if len(found) < len(job.outputs):
        return _unfinished(job, run, [path for path in job.outputs if path not in found])
    reasons = _reasons(job, run, found, made_by)
    state: State = "stale" if reasons else "done"
    return JobState(job.stage, job.round, state, when, why=_listed(reasons))


def _unfinished(job: Job, run: RunFiles, absent: list[str]) -> JobState:
    """The state of a job whose outputs are not all there."""
    trace = trace_of(run, job)
    if trace is None:
        why = f"{', '.join(absent)} not there" if len(absent) < len(job.outputs) else ""
        return JobState(job.stage, job.round, "missing", why=why)
    when = datetime.fromtimestamp(trace.last).astimezone()
    alive = not trace.end and time.time() - trace.last < QUIET
    why = "" if alive else trace.end or "silent since then: killed, or waiting"
    state: State = "running" if alive else "interrupted"
    return JobState(job.stage, job.round, state, when, trace.how_far, why)


def _reasons(
    job: Job, run: RunFiles, outputs: Mapping[str, Record], made_by: Mapping[str, JobState]
) -> list[str]:
    """Why outputs that are whole are not to be kept; nothing where they are."""
    sources = [
        (path, output.inputs[name])
        for name, path in job.inputs.items()
        for output in outputs.values()
        if name in output.inputs
    ]
    sources += [(path, "") for path in job.older]
    oldest = min(output.modified for output in outputs.values())
    found = [_difference(path, run.record(path), digest, oldest) for path, digest in sources]
    found = found if any(found) else [_inherited(path, made_by) for path, _ in sources]
    return [reason for reason in dict.fromkeys(found) if reason]


def _difference(path: str, source: Record | None, digest: str, made: int) -> str:
    """In what way a file is not the one that something was made from; empty where it may be.

    Args:
        path: of the file.
        source: what lies there.
        digest: what was recorded of it; empty where nothing was.
        made: when, in nanoseconds.
    """
    if source is None:
        return f"{path} is missing"
    if source.fault:
        return f"{path} is unreadable"
    if digest and source.digest is not None:
        return "" if digest == source.digest else f"made from another {path}"
    return f"{path} is newer" if source.modified > made else ""


def _listed(reasons: list[str]) -> str:
    """The first reasons, and how many more there are."""
    more = len(reasons) - _REASONS_TOLD
    return ", ".join(reasons[:_REASONS_TOLD]) + (f", and {more} more" if more > 0 else "")


def _inherited(path: str, made_by: Mapping[str, JobState]) -> str:
    """That a file is itself to be made again; empty where it is not."""
    if path not in made_by or made_by[path].state == "done":
        return ""
    return f"{path} is {'stale' if made_by[path].state == 'stale' else 'to be made again'}"


def _with_shards(state: JobState, shards: list[JobState], of: int) -> JobState:
    """The state of a job, with what is known of its shards where it has not joined them."""
    if state.state not in ("missing", "interrupted") or all(s.state == "missing" for s in shards):
        return state
    done = sum(shard.state == "done" for shard in shards)
    state = replace(state, how_far=f"{done} of {of} shards")
    if running := [s.when for s in shards if s.state == "running" and s.when]:
        return replace(state, state="running", when=max(running), why="")
    if ended := [s.when for s in shards if s.state == "interrupted" and s.when]:
        return replace(state, state="interrupted", when=max([*ended, state.when or ended[0]]))
    return state


def _is_told(shard: JobState, whole: JobState) -> bool:
    """Whether a shard has a row: not what is done, nor what was left before all were joined."""
    if shard.state in ("done", "missing"):
        return False
    if whole.state not in ("done", "stale", "unreadable"):
        return True
    return shard.when is not None and whole.when is not None and shard.when > whole.when
