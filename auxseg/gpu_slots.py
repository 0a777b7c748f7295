"""A GPU for every process: a user's processes on one machine share its GPUs by lock files.

A process holds a lock for each GPU it uses, as long as it lives: the system frees it whatever ends
the process. Who finds no free GPU waits. A scheduler that gives each job GPUs of its own, by
CUDA_VISIBLE_DEVICES, is obeyed: the locks are of those.
"""

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

_WAIT = 0.5  # seconds between two looks
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_HELD = "AUXSEG_HELD_GPUS"  # told to the processes that this one starts
_files: list[int] = []


def take_gpus(count: int) -> None:
    """Let this process, and those it starts, see only `count` GPUs that no other of ours uses.

    Waits until there are as many. Without a GPU, or with fewer in all, nothing happens: whoever
    asks for one then says so. To be called before the first use of CUDA.
    """
    if os.environ.get(_HELD):
        return
    ids = visible_gpus()
    if len(ids) < count:
        return
    os.environ[_VISIBLE] = ",".join(acquire(ids, count, lock_folder()))
    os.environ[_HELD] = os.environ[_VISIBLE]


def visible_gpus() -> list[str]:
    """The names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES has them."""
    import torch

    if (named := os.environ.get(_VISIBLE)) is not None:
        return [name for name in named.split(",") if name and name != "-1"]
    return [str(number) for number in range(torch.cuda.device_count())]


def lock_folder() -> Path:
    """Where a user's locks on this machine are; within a job of Slurm the job's own.

    Slurm has already given a job its GPUs, and each may find them named 0.
    """
    name = f"auxseg-gpus-{os.getuid()}"
    if (job := os.environ.get("SLURM_JOB_ID")) is not None:
        name += f"-{job}"
    folder = Path(tempfile.gettempdir()) / name
    folder.mkdir(exist_ok=True)
    return folder


def acquire(ids: Sequence[str], count: int, folder: Path) -> list[str]:
    """Hold the locks of `count` of the ids until this process ends; waits until they are free.

    All at once or none, so that no two processes wait for one another.
    """
    told = False
    while True:
        taken: dict[str, int] = {}
        for name in ids:
            if len(taken) < count and (file := _lock(folder / f"{name}.lock")) is not None:
                taken[name] = file
        if len(taken) == count:
            _files.extend(taken.values())
            return list(taken)
        for file in taken.values():
            os.close(file)
        if not told:
            print(f"waits for {count} of {len(ids)} GPUs to be free", file=sys.stderr, flush=True)
            told = True
        time.sleep(_WAIT)


def _lock(path: Path) -> int | None:
    """An open file that holds the lock, None where another process holds it."""
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
