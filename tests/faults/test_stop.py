"""SIGTERM and Ctrl-C: a stage ends soon, and the same command goes on from there."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from auxseg.store import file_digest, maps_in_parts
from tests.processes import auxseg, copy_of_the_project, finished, snakemake

pytestmark = pytest.mark.slow

OPTIONS = (
    "{model: {backbone: test_efficientnet, weights: none, frozen_stride: 1},"
    " epochs: 60, batch_size: 4, crop_size: 48}"
)


def classify(run: Path, folder: Path) -> list[str]:
    return auxseg(
        *("classify", "--index", run / "index.h5", "--options", OPTIONS),
        *("--weights", folder / "weights.safetensors", "--history", folder / "history.csv"),
    )


FAILING = """
from auxseg import cli
from auxseg.training import learner, loop

def fail(*_):
    raise RuntimeError("CUDA error: unspecified launch failure")

loop.loader_workers = lambda *_: 1
learner.Learner.step = fail
cli.main()
"""


def test_a_training_that_fails_ends_though_its_workers_heed_no_signal(tiny_run, tmp_path):
    arguments = classify(tiny_run, tmp_path)[3:]

    done = finished([sys.executable, "-c", FAILING, *arguments], tmp_path, timeout=120)

    assert done.returncode == 1
    assert "unspecified launch failure" in done.stderr


def stopped(command: list[str], when, number: int) -> tuple[str, int, float]:
    """Send a signal once `when` holds: words, exit code, seconds until the end."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not when() and process.poll() is None:
        time.sleep(0.02)
    sent = time.monotonic()
    process.send_signal(number)
    _, words = process.communicate(timeout=60)
    return words, process.returncode, time.monotonic() - sent


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_training_told_to_end_does_so_within_five_seconds_and_goes_on(tiny_run, tmp_path, number):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    done = finished(classify(tiny_run, whole), tmp_path)
    assert done.returncode == 0, done.stderr

    words, code, seconds = stopped(classify(tiny_run, cut), (cut / "checkpoint.pt").is_file, number)

    print(f"ended {seconds:.2f} s after {signal.Signals(number).name}")
    assert code == 128 + number
    assert seconds < 5
    step = words.split(f"auxseg: stopped by {signal.Signals(number).name} after step ")[1]
    assert step.endswith(" of 180; the same command goes on from there.\n")
    assert not (cut / "weights.safetensors").exists()
    again = finished(classify(tiny_run, cut), tmp_path)
    assert f"goes on after step {step.split()[0]} of 180" in again.stderr
    weights = [(f / "weights.safetensors").read_bytes() for f in (whole, cut)]
    assert weights[0] == weights[1]
    histories = [(f / "history.csv").read_text() for f in (whole, cut)]
    assert histories[0] == histories[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_of_a_whole_workflow_leaves_the_stage_s_last_words_in_its_log(tmp_path, number):
    project = copy_of_the_project(tmp_path)
    command = snakemake("classify", classify={"epochs": 500, "crop_size": 48})
    process = subprocess.Popen(
        ["env", "--default-signal=INT", *command], cwd=project, start_new_session=True
    )
    while not (project / "results/small/classifier/checkpoint.pt").is_file():
        assert process.poll() is None
        time.sleep(0.1)

    os.killpg(process.pid, number)  # as a terminal or scheduler sends it: to all of its processes

    assert process.wait(60) != 0
    log = (project / "results/small/logs/classify.log").read_text()
    assert f"auxseg: stopped by {signal.Signals(number).name} after step " in log
    assert "the same command goes on from there." in log


def is_past(moment: float) -> bool:
    return time.monotonic() > moment


def test_a_stage_of_maps_told_to_end_keeps_what_it_has(tiny_run, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    weights = whole / "weights.safetensors"
    assert finished(classify(tiny_run, whole), tmp_path).returncode == 0

    def cam(folder: Path) -> list[str]:
        scales = [1.0, *(round(4 - 0.01 * number, 2) for number in range(50))]
        return auxseg(
            *("cam", "--index", tiny_run / "index.h5", "--weights", weights),
            *("--cam", folder / "cam.h5", "--options", f"scales: {scales}"),
        )

    assert finished(cam(whole), tmp_path).returncode == 0
    waited, kept = 2.0, 0
    while not kept:  # a slow machine takes longer to begin
        waited += 0.5
        until = time.monotonic() + waited
        words, code, seconds = stopped(cam(cut), partial(is_past, until), signal.SIGTERM)
        assert code == 128 + signal.SIGTERM
        assert seconds < 5
        kept = maps_in_parts(cut / "cam.h5")

    assert words.endswith("auxseg: stopped by SIGTERM; the same command goes on from there.\n")
    assert not (cut / "cam.h5").exists()
    again = finished(cam(cut), tmp_path)
    assert again.returncode == 0
    assert again.stderr.endswith(f"cam: {12 - kept}/{12 - kept}\n")  # of 12 photographs
    assert file_digest(cut / "cam.h5") == file_digest(whole / "cam.h5")


def test_without_a_compiler_a_training_that_is_to_be_compiled_says_so(tiny_run, tmp_path):
    none = ["env", "CXX=/no/compiler", f"TORCHINDUCTOR_CACHE_DIR={tmp_path / 'cache'}"]
    options = OPTIONS.replace("epochs: 60", "epochs: 60, compile: true")
    command = [word if word != OPTIONS else options for word in classify(tiny_run, tmp_path)]

    done = finished([*none, *command], tmp_path)

    assert done.returncode == 2
    assert "auxseg: error: classify.compile: the network cannot be compiled here (" in done.stderr
    assert "set it to false, or install a C++ compiler." in done.stderr
