import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auxseg.stopping import Stopped, put_off_stop


def test_a_signal_is_put_off_until_it_is_asked_for():
    with put_off_stop() as stopped:
        assert stopped() is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped() == signal.SIGTERM


def test_a_second_signal_is_not_put_off():
    with pytest.raises(Stopped, match="stopped by SIGINT"), put_off_stop():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)


def test_signals_are_handled_as_before_afterwards():
    before = signal.getsignal(signal.SIGTERM)

    with put_off_stop():
        assert signal.getsignal(signal.SIGTERM) != before

    assert signal.getsignal(signal.SIGTERM) == before


WITH_WORKERS = """
import os, sys, time
from pathlib import Path
from auxseg.parallel import process_map

def work(number):
    Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(60 if number else 0)

if __name__ == "__main__":
    list(process_map(work, ((n,) for n in range(20)), 2))
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not condition():
        time.sleep(0.05)
    return condition()


def test_workers_end_with_a_parent_that_was_killed(tmp_path):
    script = tmp_path / "work.py"
    script.write_text(WITH_WORKERS)
    pids = tmp_path / "pids"
    pids.mkdir()
    parent = subprocess.Popen([sys.executable, script, pids])
    assert wait_until(lambda: len(list(pids.iterdir())) == 2)
    workers = [int(file.name) for file in pids.iterdir()]
    assert all(alive(pid) for pid in workers)

    parent.kill()
    parent.wait()

    assert wait_until(lambda: not any(alive(pid) for pid in workers))
