"""SIGTERM while HDF5 writes: it is heard once what is being written is whole."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from auxseg.stopping import Stopped, stop_on_signals
from auxseg.store import Header, MapReader, MapWriter, file_digest
from auxseg.store.map_writer import part_files

pytestmark = pytest.mark.slow
HEADER = Header("labels")
PARTS, PER_PART = 3, 64
WRITE = """
import os, signal, sys, threading, time
from pathlib import Path
from auxseg.stopping import Stopped, stop_on_signals
from tests.faults.test_stop_while_writing import write

path, begun, wait = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])

def send():
    while not begun.exists():
        time.sleep(0.0005)
    time.sleep(wait)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=send, daemon=True).start()
stop_on_signals()
try:
    write(path)
except Stopped:
    sys.exit(143)
"""


def arrays() -> dict[str, np.ndarray]:
    draws = np.random.default_rng(0)
    numbers = range(PARTS * PER_PART)
    return {f"i{n:03d}": draws.integers(0, 256, (300, 400), np.uint8) for n in numbers}


def write(path: Path) -> None:
    with MapWriter(path, HEADER, PER_PART) as writer:
        for image_id, array in arrays().items():
            writer.put(image_id, array)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "labels.h5"
    write(path)
    return path


# The second part of three, then the artifact that joins them. Maps are deflated, or compared with
# their digests, nearly all the time that either takes, so that any moment falls among them.
@pytest.mark.parametrize("wait", [0.0, 0.03, 0.08])
@pytest.mark.parametrize(
    ("begun", "kept"), [("labels.h5.parts/00001.h5.tmp", 2), ("labels.h5.tmp", 3)]
)
def test_a_stop_is_heard_costs_nothing_and_damages_nothing(tmp_path, whole, begun, kept, wait):
    path = tmp_path / "labels.h5"

    command = [sys.executable, "-c", WRITE, path, tmp_path / begun, str(wait)]
    process = subprocess.run(command, check=False)

    assert process.returncode == 143
    assert not path.exists()
    assert MapWriter(path, HEADER).missing(arrays()) == list(arrays())[kept * PER_PART :]
    write(path)
    assert file_digest(path) == file_digest(whole)
    with MapReader(path) as found:
        assert all(np.array_equal(found.read(i), array) for i, array in arrays().items())


@pytest.fixture
def stops() -> Iterator[None]:
    """Signals raise `Stopped`, as in every command."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stop_on_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_part_that_just_got_its_name_is_not_written_twice(tmp_path, monkeypatch, stops):
    fsync = os.fsync

    def stopped_with_the_name_on_disk(descriptor: int) -> None:
        fsync(descriptor)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped), MapWriter(tmp_path / "labels.h5", HEADER, 2) as writer:
        writer.put("a", np.zeros((2, 3), np.uint8))
        monkeypatch.setattr(os, "fsync", stopped_with_the_name_on_disk)
        writer.put("b", np.ones((2, 3), np.uint8))
    monkeypatch.undo()

    assert len(part_files(tmp_path / "labels.h5")) == 1
    assert MapWriter(tmp_path / "labels.h5", HEADER).missing(["a", "b", "c"]) == ["c"]
