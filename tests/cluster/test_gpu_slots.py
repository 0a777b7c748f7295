"""Eight processes on three GPUs (names alone: no GPU is needed), killed now and then."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auxseg import gpu_slots
from auxseg.errors import UserError
from tests.processes import ROOT

IDS = ("0", "1", "GPU-5ac3")
# Takes a slot, notes its number while it has it, and tells of any other living process that has it.
JOB = """
import os, random, sys, time
from pathlib import Path
from auxseg.gpu_slots import acquire

def alive(pid):
    try:
        return Path("/proc", pid, "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False

folder, seed, ids = Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
count = 1 + (random.Random(seed).random() < 0.2)
for name in acquire(ids, count, folder, seed):
    mark = folder / f"{name}.holder"
    holder = mark.read_text() if mark.exists() else ""
    if holder and alive(holder):
        print("collision", flush=True)
    mark.write_text(str(os.getpid()))
print("has", flush=True)
time.sleep(random.Random(seed).uniform(0, 0.1))
for name in ids:
    mark = folder / f"{name}.holder"
    if mark.exists() and mark.read_text() == str(os.getpid()):
        mark.unlink()
"""


def job(folder: Path, number: int) -> subprocess.Popen:
    words = [sys.executable, "-c", JOB, str(folder), str(number), ",".join(IDS)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_no_two_processes_ever_have_the_same_gpu(tmp_path):
    draws = random.Random(0)
    running: list[subprocess.Popen] = []
    said, killed, started = [], 0, 0
    while started < 200 or running:
        while started < 200 and len(running) < 8:
            running.append(job(tmp_path, started))
            started += 1
        time.sleep(0.01)
        if draws.random() < 0.02:
            draws.choice(running).kill()
        for process in [p for p in running if p.poll() is not None]:
            running.remove(process)
            said.append(process.communicate()[0].decode())
            killed += process.returncode == -signal.SIGKILL

    assert len(said) == 200
    assert killed > 10
    assert sum("has" in words for words in said) > 100
    assert not any("collision" in words for words in said)


def test_who_finds_no_free_gpu_waits_and_gets_it_when_its_holder_is_killed(tmp_path):
    hold = "import sys, time; from auxseg.gpu_slots import acquire; from pathlib import Path;"
    hold += "print(acquire(['7'], 1, Path(sys.argv[1]), ''), flush=True); time.sleep(60)"
    start = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    words = [sys.executable, "-c", hold, str(tmp_path)]
    first = subprocess.Popen(words, **start)
    assert first.stdout.readline() == "['7']\n"
    second = subprocess.Popen(words, **start)
    assert second.stderr.readline() == "waits for 1 of 1 GPUs to be free\n"

    first.kill()

    assert second.stdout.readline() == "['7']\n"
    second.kill()


def see_gpus(monkeypatch, folder: Path, ids: str) -> None:
    """Be a process that may use these GPUs and holds none yet."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ids)
    monkeypatch.setenv("AUXSEG_GPU_HOLDER", "")  # set, so that it is put back
    monkeypatch.setattr(gpu_slots, "_PLACE", folder)
    monkeypatch.setattr(gpu_slots, "_files", [])


def test_a_process_sees_only_what_it_holds(tmp_path, monkeypatch):
    see_gpus(monkeypatch, tmp_path, "4,5")

    gpu_slots.take_gpus(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4"

    gpu_slots._files.clear()  # those that it starts do not ask again
    gpu_slots.take_gpus(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4"


def test_without_as_many_gpus_nothing_is_taken(tmp_path, monkeypatch):
    see_gpus(monkeypatch, tmp_path, "-1")

    gpu_slots.take_gpus(1)

    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
    assert not list(tmp_path.iterdir())


def test_jobs_of_slurm_do_not_wait_for_one_another(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_slots, "_PLACE", tmp_path)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    workstation = gpu_slots.lock_folder()
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    first = gpu_slots.lock_folder()
    monkeypatch.setenv("SLURM_JOB_ID", "8")

    assert len({workstation, first, gpu_slots.lock_folder()}) == 3


LOCK = "import os; from auxseg.gpu_slots import take_gpus; take_gpus(1);"
LOCK += "print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); input()"


def locking(ids: str, **environment: str) -> subprocess.Popen:
    """A process that takes a GPU in the place of a Slurm job that nobody else has."""
    named = {"CUDA_VISIBLE_DEVICES": ids, "SLURM_JOB_ID": f"test{os.getpid()}", **environment}
    kept = {name: value for name, value in os.environ.items() if name != "AUXSEG_GPU_HOLDER"}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    words = [sys.executable, "-c", LOCK]
    return subprocess.Popen(words, cwd=ROOT, env=kept | named, text=True, **pipes)


@pytest.fixture
def job_folder():
    folder = Path(f"/tmp/auxseg-gpus-{os.getuid()}-test{os.getpid()}")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("ids", ["0, 1", "MIG-GPU-5ac3/1/2, MIG-GPU-5ac3/2/2"])
def test_processes_with_temporary_folders_of_their_own_meet(tmp_path, job_folder, ids):
    first = locking(ids, TMPDIR=str(tmp_path))
    assert first.stdout.readline().strip() == ids.split(", ")[0]

    second = locking(ids.replace(", ", ","))
    assert second.stdout.readline().strip() == ids.split(", ")[1]

    assert all(socket.gethostname() in file.name for file in job_folder.iterdir())
    for process in (first, second):
        process.communicate("\n")


def test_processes_share_gpus_where_the_user_says_so_and_spread_first(job_folder):
    seen, processes = [], []
    for _ in range(4):
        processes.append(locking("0,1", AUXSEG_PROCESSES_PER_GPU="2"))
        seen.append(processes[-1].stdout.readline().strip())
    processes.append(locking("0,1", AUXSEG_PROCESSES_PER_GPU="2"))
    said = processes[-1].stderr.readline()
    processes[1].communicate("\n")

    assert seen == ["0", "1", "0", "1"]
    assert said == "waits for 1 of 2 GPUs to be free\n"
    assert processes[-1].stdout.readline() == "1\n"
    for process in processes:
        process.kill()


def test_a_training_in_two_processes_takes_two_gpus_and_not_one_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_slots, "_files", [])

    assert gpu_slots.acquire(["0", "1", "0+2", "1+2"], 2, tmp_path, "") == ["0", "1"]
    assert gpu_slots.acquire(["0", "1", "0+2", "1+2"], 2, tmp_path, "") == ["0+2", "1+2"]


def test_the_gpu_with_most_room_is_taken():
    assert gpu_slots.roomiest(["0", "1", "1+2", "0+3", "1+3"], 1) == ["1"]
    assert gpu_slots.roomiest(["0+2", "1", "2"], 2) == ["0+2", "1"]
    assert gpu_slots.roomiest(["0", "0+2"], 2) == []


@pytest.mark.parametrize("value", ["0", "two", ""])
def test_a_share_that_is_no_number_is_told(tmp_path, monkeypatch, value):
    see_gpus(monkeypatch, tmp_path, "0")
    monkeypatch.setenv("AUXSEG_PROCESSES_PER_GPU", value)

    with pytest.raises(UserError, match=f"AUXSEG_PROCESSES_PER_GPU={value}: must be a number"):
        gpu_slots.take_gpus(1)


def test_a_file_in_the_place_of_the_locks_is_told(tmp_path, monkeypatch):
    see_gpus(monkeypatch, tmp_path, "0")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    place = tmp_path / f"auxseg-gpus-{os.getuid()}"
    place.touch()
    owner = pwd.getpwuid(os.getuid()).pw_name

    with pytest.raises(UserError, match=rf"{place}: belongs to {owner} and is not a folder"):
        gpu_slots.take_gpus(1)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives a folder to another user")
def test_a_folder_of_another_user_is_told(tmp_path, monkeypatch):
    see_gpus(monkeypatch, tmp_path, "0")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    place = tmp_path / f"auxseg-gpus-{os.getuid()}"
    place.mkdir()
    os.chown(place, 54321, -1)

    with pytest.raises(UserError, match=rf"{place}: belongs to user 54321 .* let its owner"):
        gpu_slots.take_gpus(1)
