"""A GPU for every process: a user's processes on one machine share its GPUs by lock files.

A process holds a lock for each GPU it uses, as long as it lives: the system frees it whatever ends
the process. Who finds no free GPU waits. Of a training in several processes the first takes a GPU
for each, and every other joins in the lock of its own: none is free before its last user has ended.

AUXSEG_PROCESSES_PER_GPU=4 gives every GPU four locks instead of one: small networks do not fill a
large GPU, and their processes may share it. It should be the same for all of a user's processes:
one that does not know of the other locks takes a GPU for its own that only lacks its first user.

A scheduler that gives each job GPUs of its own, by CUDA_VISIBLE_DEVICES, is obeyed: the locks are
of those. They are of names: a GPU that one process knows by its number and another by its UUID is
two to them, so a user's processes should name GPUs in one way.
"""

import contextlib
import fcntl
import os
import pwd
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from auxseg.errors import UserError

_WAIT = 0.5  # seconds between two looks
_PLACE = Path("/tmp")  # not TMPDIR, which may differ between a user's shells
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_SHARED_BY = "AUXSEG_PROCESSES_PER_GPU"
_HOLDER = "AUXSEG_GPU_HOLDER"  # told to the processes that this one starts
_SLOT = "+"  # between a GPU's name and the number of a slot of it but the first
_files: list[int] = []


def take_gpus(count: int) -> None:
    """Let this process, and those it starts, see only `count` GPUs, with room for it on each.

    Waits until there are as many. Without a GPU, or with fewer in all, nothing happens: whoever
    asks for one then says so. To be called before the first use of CUDA.

    The processes of one training, which Fabric or torchrun started, all see the same.

    Raises:
        UserError: AUXSEG_PROCESSES_PER_GPU is no number from 1 on.
    """
    rank, holder = int(os.environ.get("LOCAL_RANK", 0)), os.environ.get(_HOLDER)
    if _files or (holder and rank == 0):
        return
    ids = visible_gpus()
    if len(ids) < count:
        return
    holder = holder or _training()
    slots = slots_of(ids)
    if rank == 0:
        taken = acquire(slots, count, lock_folder(), holder)
    else:
        taken = join(slots, rank, lock_folder(), holder)
    os.environ[_VISIBLE] = ",".join(_gpu(slot) for slot in taken)
    os.environ[_HOLDER] = holder


def slots_of(ids: Sequence[str]) -> list[str]:
    """The names of the GPUs' slots: every GPU's first, then every GPU's second, and so on."""
    given = os.environ.get(_SHARED_BY, "1")
    if not given.isdecimal() or int(given) < 1:
        raise UserError(
            f"{_SHARED_BY}={given}: must be a number from 1 on; set it anew, or unset it."
        )
    further = range(2, int(given) + 1)
    return [*ids, *(f"{gpu}{_SLOT}{number}" for number in further for gpu in ids)]


def _gpu(slot: str) -> str:
    return slot.partition(_SLOT)[0]


def _training() -> str:
    """What the processes of one training on this machine, and no others, call themselves."""
    if "LOCAL_WORLD_SIZE" in os.environ:
        names = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT")
        return " ".join(["torchrun", str(os.getppid()), *(os.environ.get(n, "") for n in names)])
    return f"process {os.getpid()}"


def visible_gpus() -> list[str]:
    """The names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES has them."""
    if (named := os.environ.get(_VISIBLE)) is not None:
        names = (name.strip() for name in named.split(","))
        return [name for name in names if name and name != "-1"]
    import torch  # here, as it takes seconds to load

    return [str(number) for number in range(torch.cuda.device_count())]


def lock_folder() -> Path:
    """Where a user's locks on this machine are; within a job of Slurm the job's own.

    Slurm has already given a job its GPUs, and each may find them named 0.

    Raises:
        UserError: something else is in its place.
    """
    name = f"auxseg-gpus-{os.getuid()}"
    if (job := os.environ.get("SLURM_JOB_ID")) is not None:
        name += f"-{job}"
    folder = _PLACE / name
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise UserError(
            f"{folder}: belongs to {_user(found.st_uid)} and is not a folder of yours, where the "
            f"locks of GPUs would be; remove it, or let its owner do so."
        )
    return folder


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def acquire(slots: Sequence[str], count: int, folder: Path, holder: str) -> list[str]:
    """Hold slots of `count` GPUs until this process ends; waits until they are free.

    All at once or none, so that no two processes wait for one another.

    Args:
        slots: of GPUs; those with most free ones are taken, the first among equals.
        count: of GPUs, each with one slot.
        folder: of the locks.
        holder: by which those that `join` know the locks.
    """

    def look() -> list[str] | None:
        free = {
            slot: file for slot in slots if (file := _lock(folder, slot, fcntl.LOCK_EX)) is not None
        }
        taken = roomiest(list(free), count)
        for slot in free.keys() - set(taken):
            os.close(free[slot])
        for slot in taken:
            os.truncate(free[slot], 0)
            os.pwrite(free[slot], f"{holder}\n{','.join(taken)}".encode(), 0)
            fcntl.flock(free[slot], fcntl.LOCK_SH)  # which those that join share
            _files.append(free[slot])
        return taken or None

    gpus = len({_gpu(slot) for slot in slots})
    return _wait_for(look, folder, f"waits for {count} of {gpus} GPUs to be free")


def roomiest(free: Sequence[str], count: int) -> list[str]:
    """One slot on each of the `count` GPUs that have most of these; none where they are fewer."""
    of_gpu: dict[str, list[str]] = {}
    for slot in free:
        of_gpu.setdefault(_gpu(slot), []).append(slot)
    if len(of_gpu) < count:
        return []
    best = sorted(of_gpu.values(), key=len, reverse=True)[:count]
    return [slots[0] for slots in best]


def join(slots: Sequence[str], rank: int, folder: Path, holder: str) -> list[str]:
    """Hold the rank-th slot of those that `holder` has; waits until it has them.

    Args:
        slots: of GPUs, the holder's among them.
        rank: of this process, from 1 on.
        folder: of the locks.
        holder: as given to `acquire`.

    Returns:
        All that the holder has.
    """

    def look() -> list[str] | None:
        for name in slots:
            free = _lock(folder, name, fcntl.LOCK_EX)
            if free is not None:  # what stands in it is of one that ended
                os.close(free)
                continue
            text = _lock_path(folder, name).read_text()
            said, _, names = text.partition("\n")
            if said != holder:
                continue
            taken = names.split(",")
            file = _lock(folder, taken[rank], fcntl.LOCK_SH)
            if file is None:
                return None
            if _lock_path(folder, taken[rank]).read_text() != text:
                os.close(file)  # the holder has ended, and another has this one now
                return None
            _files.append(file)
            return taken
        return None

    return _wait_for(look, folder, f"rank {rank} waits for the first to have GPUs")


def _wait_for(look: Callable[[], list[str] | None], folder: Path, words: str) -> list[str]:
    """Look, with no other process looking, until something is found."""
    told = False
    while True:
        with _alone(folder):
            found = look()
        if found is not None:
            return found
        if not told:
            print(words, file=sys.stderr, flush=True)
            told = True
        time.sleep(_WAIT)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from looking: the system cannot turn one kind of lock into another."""
    path = folder / f"{socket.gethostname()}.lock"
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _lock_path(folder: Path, name: str) -> Path:
    """The file of a slot's lock: its own on each machine, as some share their /tmp."""
    return folder / f"{socket.gethostname()}-{quote(name, safe='')}.lock"


def _lock(folder: Path, name: str, kind: int) -> int | None:
    """An open file that holds the lock, None where another process holds it."""
    path = _lock_path(folder, name)
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
