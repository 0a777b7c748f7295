"""Trainings in two processes each, on GPUs that are names alone: every process has its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import ROOT

pytestmark = pytest.mark.slow

# Takes a GPU for each process of its training, says so, and has it until all did and may end.
RANK = """
import os, subprocess, sys, time
from pathlib import Path
from auxseg import gpu_slots

place, count = Path(sys.argv[1]), int(sys.argv[2])
gpu_slots._PLACE = place
gpu_slots.take_gpus(count)
rank = os.environ.get("LOCAL_RANK", "0")
if rank == "0" and "LOCAL_WORLD_SIZE" not in os.environ:
    for number in range(1, count):
        subprocess.Popen([sys.executable, *sys.argv], env=os.environ | {"LOCAL_RANK": str(number)})
place.joinpath(f"{sys.argv[3]}.{rank}").write_text(
    f"{os.getpid()} {os.environ['CUDA_VISIBLE_DEVICES']}"
)
while not place.joinpath("end").exists() or len(list(place.glob(f"{sys.argv[3]}.?"))) < count:
    time.sleep(0.02)
"""
FABRIC = [sys.executable]  # whose first process starts the others
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def training(start: list[str], place: Path, name: str, ids: str) -> subprocess.Popen:
    """A training in two processes, of no more than what it holds."""
    script = place / "rank.py"
    script.write_text(RANK)
    named = {"CUDA_VISIBLE_DEVICES": ids, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([*start, script, place, "2", name], env=os.environ | named)


def held(place: Path, *names: str) -> list[list[str]]:
    """Process and GPUs of every rank that came so far: two a training."""
    files = sorted(file for name in names for file in place.glob(f"{name}.?"))
    return [words for file in files if len(words := file.read_text().split()) == 2]


@pytest.fixture
def place(tmp_path):
    """Where trainings meet; all have ended with the test."""
    yield tmp_path
    (tmp_path / "end").touch()


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def free(place: Path, ids: str) -> list[str]:
    """Those that nobody holds: who asks for one either has it or says that it waits."""
    folder = place / f"auxseg-gpus-{os.getuid()}"
    ask = "import sys; from pathlib import Path; from auxseg.gpu_slots import acquire;"
    ask += "print(acquire([sys.argv[1]], 1, Path(sys.argv[2]), ''))"
    found = []
    for name in ids.split(","):
        words = [sys.executable, "-c", ask, name, str(folder)]
        with subprocess.Popen(
            words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as asking:
            answer = asking.stdout.readline()
            asking.kill()
        assert answer in (f"{[name]}\n", "waits for 1 of 1 GPUs to be free\n")
        if answer.startswith("["):
            found.append(name)
    return found


@pytest.mark.parametrize("start", [FABRIC, TORCHRUN], ids=["fabric", "torchrun"])
def test_a_gpu_is_taken_as_long_as_its_own_process_of_a_training_lives(place, start):
    first = training(start, place, "first", "4,5,6")
    until(lambda: len(held(place, "first")) == 2)
    (leader, seen), (other, also) = held(place, "first")
    assert seen == also == "4,5"

    first.kill()
    if str(first.pid) != leader:
        os.kill(int(leader), signal.SIGKILL)
    first.wait()

    until(lambda: free(place, "4") == ["4"])
    assert free(place, "4,5,6") == ["4", "6"]
    os.kill(int(other), signal.SIGKILL)
    until(lambda: free(place, "5") == ["5"])


def test_trainings_under_torchrun_wait_for_one_another_as_wholes(place):
    both = {name: training(TORCHRUN, place, name, "4,5,6") for name in ("one", "two")}
    until(lambda: len(held(place, "one", "two")) == 2)
    time.sleep(1)

    first = held(place, "one") or held(place, "two")
    assert [gpus for _, gpus in first] == ["4,5", "4,5"]
    assert len(held(place, "one", "two")) == 2

    (place / "end").touch()
    assert [process.wait(60) for process in both.values()] == [0, 0]
    assert len(held(place, "one", "two")) == 4


def test_trainings_share_gpus_and_every_process_of_one_has_its_own(place, monkeypatch):
    monkeypatch.setenv("AUXSEG_PROCESSES_PER_GPU", "2")
    names = ("one", "two")
    running = [training(FABRIC, place, name, "4,5") for name in names]
    until(lambda: len(held(place, *names)) == 4)

    assert [gpus for _, gpus in held(place, *names)] == ["4,5"] * 4
    assert free(place, "4,5,4+2,5+2") == []
    (place / "end").touch()
    assert [process.wait(60) for process in running] == [0, 0]
