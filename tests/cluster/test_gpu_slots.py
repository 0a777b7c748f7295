"""Eight processes on three GPUs (names alone: no GPU is needed), killed now and then."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auxseg import gpu_slots
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
for name in acquire(ids, count, folder):
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
    hold += "print(acquire(['7'], 1, Path(sys.argv[1])), flush=True); time.sleep(60)"
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
    monkeypatch.delenv("AUXSEG_HELD_GPUS", raising=False)
    monkeypatch.setattr(gpu_slots, "lock_folder", lambda: folder)


def test_a_process_sees_only_what_it_holds(tmp_path, monkeypatch):
    see_gpus(monkeypatch, tmp_path, "4,5")

    gpu_slots.take_gpus(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4"

    gpu_slots.take_gpus(1)  # those that it starts do not ask again
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4"


def test_without_as_many_gpus_nothing_is_taken(tmp_path, monkeypatch):
    see_gpus(monkeypatch, tmp_path, "-1")

    gpu_slots.take_gpus(1)

    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
    assert not list(tmp_path.iterdir())


def test_jobs_of_slurm_do_not_wait_for_one_another(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_slots.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    workstation = gpu_slots.lock_folder()
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    first = gpu_slots.lock_folder()
    monkeypatch.setenv("SLURM_JOB_ID", "8")

    assert len({workstation, first, gpu_slots.lock_folder()}) == 3
