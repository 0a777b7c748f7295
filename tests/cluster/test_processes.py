"""Training in several processes: the same batches, the same losses, the same network."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
from safetensors.torch import load_file

from auxseg.config import CamOptions, SeedOptions
from auxseg.nn.backbones import build_backbone
from auxseg.nn.network import Classifier
from auxseg.nn.weights import save_weights
from auxseg.runtime import Runtime
from auxseg.stages import cam, seed
from tests.processes import ROOT, auxseg, finished, left_behind

pytestmark = pytest.mark.slow

MODEL = "backbone: test_efficientnet, weights: none, frozen_stride: 1"
SCHEDULE = "batch_size: 4, crop_size: 48, learning_rate: 0.01"


@pytest.fixture(scope="module")
def run(tiny_run, tmp_path_factory) -> dict[str, Path]:
    """What a first round starts from."""
    folder = tmp_path_factory.mktemp("first")
    files = {"index": tiny_run / "index.h5", "saliency": tiny_run / "saliency.h5"}
    model = {"backbone": "test_efficientnet", "output_stride": 16, "freeze_batch_norm": True}
    torch.manual_seed(0)
    network = Classifier(build_backbone("test_efficientnet"), 6)
    about = {"kind": "classifier", "classes": _classes(files["index"]), "model": model}
    files["initial_weights"] = folder / "classifier.safetensors"
    save_weights(files["initial_weights"], network, about)
    weights = files["initial_weights"]
    options = CamOptions(scales=(1.0,), flip=False)
    cam.run(
        options, index=files["index"], cam=folder / "cam.h5", weights=weights, runtime=Runtime()
    )
    files["labels"] = folder / "labels.h5"
    seed.run(
        SeedOptions(),
        index=files["index"],
        labels=files["labels"],
        cam=folder / "cam.h5",
        saliency=files["saliency"],
    )
    return files


def _classes(index: Path) -> tuple[str, ...]:
    from auxseg.datasets.index_file import read_index

    return read_index(index).classes


def classify(
    run: dict[str, Path], folder: Path, *more: object, schedule: str = "epochs: 4"
) -> list[str]:
    options = f"{{model: {{{MODEL}}}, {SCHEDULE}, {schedule}}}"
    return auxseg(
        *("classify", "--index", run["index"], "--options", options, "--device", "cpu"),
        *("--weights", folder / "weights.safetensors", "--history", folder / "history.csv", *more),
    )


def train(run: dict[str, Path], folder: Path, *more: object, model: str = "") -> list[str]:
    options = f"{{model: {{{MODEL}, dense_channels: 8{model}}}, {SCHEDULE}, epochs: 4}}"
    inputs = [word for name, path in run.items() for word in (f"--{name}", path)]
    words = [str(word).replace("initial_weights", "initial-weights") for word in inputs[::2]]
    pairs = [word for pair in zip(words, inputs[1::2], strict=True) for word in pair]
    return auxseg(
        *("train", *pairs, "--round-number", "0", "--options", options, "--device", "cpu"),
        *("--weights", folder / "weights.safetensors", "--history", folder / "history.csv", *more),
    )


def outcome(command: list[str], folder: Path) -> tuple[pd.DataFrame, dict[str, torch.Tensor]]:
    folder.mkdir(exist_ok=True)
    done = finished(command, folder)
    assert done.returncode == 0, done.stderr
    return pd.read_csv(folder / "history.csv"), load_file(folder / "weights.safetensors")


def assert_alike(one: tuple, other: tuple) -> None:
    assert other[0].columns.tolist() == one[0].columns.tolist()
    for name in one[0].columns:
        assert other[0][name].tolist() == pytest.approx(one[0][name].tolist(), rel=2e-4), name
    for name, value in one[1].items():
        assert torch.allclose(value, other[1][name], rtol=1e-2, atol=1e-4), name


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("stage", [classify, train])
def test_processes_that_share_a_batch_learn_what_one_learns_from_all_of_it(
    run, tmp_path, stage, processes
):
    alone = outcome(stage(run, tmp_path / "1"), tmp_path / "1")

    shared = outcome(stage(run, tmp_path / "n", "--devices", processes), tmp_path / "n")

    assert len(alone[0]) == 12
    assert_alike(alone, shared)


def test_torchrun_may_start_the_processes(run, tmp_path):
    alone = outcome(classify(run, tmp_path / "1"), tmp_path / "1")
    command = classify(run, tmp_path / "n")
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = command[command.index("auxseg.cli") + 1 :]

    shared = outcome([*start, "-m", "auxseg", *words], tmp_path / "n")

    assert_alike(alone, shared)


def test_parts_and_processes_go_together(run, tmp_path):
    alone = outcome(classify(run, tmp_path / "1"), tmp_path / "1")

    command = classify(run, tmp_path / "n", "--devices", 2, schedule="epochs: 4, accumulate: 2")

    assert_alike(alone, outcome(command, tmp_path / "n"))


@pytest.mark.parametrize(
    "model",
    [
        ", branches: seg, affinity: none",
        ", branches: seg+cls, affinity: seg",
        ", branches: seg+sal, affinity: sal",
        ", branches: all, affinity: dual",
    ],
)
def test_every_parameter_is_used_in_every_ablation(run, tmp_path, model):
    """DDP stops where a parameter gets no gradient."""
    history, _ = outcome(train(run, tmp_path, "--devices", 2, model=model), tmp_path)

    assert len(history) == 12


def test_a_batch_that_cannot_be_shared_is_refused(run, tmp_path):
    done = finished(classify(run, tmp_path, "--devices", 3), tmp_path)

    assert done.returncode == 2
    assert (
        "classify.batch_size: 4 images cannot be shared by 3 processes; make it a multiple"
        in done.stderr
    )


def test_processes_told_to_end_go_on_with_the_same(run, tmp_path):
    whole = outcome(
        classify(run, tmp_path / "1", "--devices", 2, schedule="epochs: 60"), tmp_path / "1"
    )
    cut = tmp_path / "cut"
    cut.mkdir()
    command = classify(run, cut, "--devices", 2, schedule="epochs: 60")
    process = subprocess.Popen(command, cwd=cut, stderr=subprocess.PIPE, text=True)
    while not (cut / "checkpoint.pt").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate(timeout=60)

    assert process.returncode == 128 + signal.SIGTERM, words
    assert "stopped by SIGTERM after step" in words
    again = outcome(command, cut)
    assert whole[0].equals(again[0])
    assert all(torch.equal(value, again[1][name]) for name, value in whole[1].items())


# Found by Python at its start: writing to disk takes seconds once a file says so.
SLOW_DISK = """
import os, time
from pathlib import Path
written = os.fsync
def slowly(descriptor):
    if Path("slow").exists():
        time.sleep(6)
    written(descriptor)
os.fsync = slowly
"""


def test_a_slow_disk_costs_processes_told_to_end_no_checkpoint(run, tmp_path):
    """Fabric looks every five seconds whether a process has ended, and then kills all others."""
    (tmp_path / "sitecustomize.py").write_text(SLOW_DISK)
    paths = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    command = classify(run, tmp_path, "--devices", 2, schedule="epochs: 6000")
    process = subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | paths, stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "checkpoint.pt").exists() and process.poll() is None:
        time.sleep(0.02)
    (tmp_path / "slow").touch()
    before = (tmp_path / "checkpoint.pt").stat().st_mtime_ns
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate(timeout=90)

    assert process.returncode == 128 + signal.SIGTERM, words
    assert (tmp_path / "checkpoint.pt").stat().st_mtime_ns > before


def test_processes_end_with_a_first_that_was_killed_as_it_started_them(run, tmp_path):
    command = classify(run, tmp_path, "--devices", 2, schedule="epochs: 6000")
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    while not psutil.Process(process.pid).children() and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()

    assert not left_behind(tmp_path, 30)
