"""A disk that fills up, and one that cannot be written: one sentence, nothing half, nothing lost.

Every stage writes to a small disk of its own (tmpfs), which only root can mount.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT, auxseg, copy_of_the_project, finished, snakemake

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]

RUN = "results/small"
# stage -> what it writes, of the run's last round where there are several
WRITES = {
    "index": ["index.h5"],
    "masks": ["masks.h5"],
    "saliency": ["saliency.h5"],
    "classify": ["classifier/weights.safetensors", "classifier/history.csv"],
    "cam": ["cam.h5"],
    "seed": ["round0/labels.h5"],
    "train": ["round1/weights.safetensors", "round1/history.csv"],
    "refine": ["round2/labels.h5", "round2/saliency.h5"],
    "predict": ["round1/predictions.h5"],
    "evaluate": ["round1/metrics.csv", "round1/per_class.csv"],
    "report": ["report/index.html"],
}


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A finished small run."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("project"))
    done = finished(snakemake(), folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of 16 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place))
    except subprocess.CalledProcessError:
        pytest.skip("tmpfs cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def command_of(project: Path, stage: str, disk: Path) -> list[str]:
    """The command that made a stage's last artifact, writing to the disk instead."""
    planned = finished(snakemake("--forceall", "--dry-run", "--printshellcmds"), project).stdout
    lines = [line for line in planned.splitlines() if f"auxseg {stage} " in line]
    (line,) = [line for line in lines if WRITES[stage][0] in line.split("--options")[0]]
    words = line.split(f"auxseg {stage} ")[1].split(" 2>&1")[0]
    for name in WRITES[stage]:
        words = words.replace(f"{RUN}/{name}", str(disk / name))
    return ["sh", "-c", f"exec {' '.join(auxseg(stage))} {words}"]


def fill(disk: Path) -> None:
    """Leave no more than the last byte."""
    with pytest.raises(OSError), (disk / "filler").open("wb") as stream:
        while True:
            stream.write(b"0" * 512)
            stream.flush()


@pytest.mark.parametrize("stage", WRITES)
def test_a_stage_on_a_full_disk_says_so_and_goes_on_when_there_is_room(project, disk, stage):
    command = command_of(project, stage, disk)
    fill(disk)

    full = finished(command, project)

    assert full.returncode == 2, full.stderr
    assert "No space left on device" in full.stderr
    assert "Traceback" not in full.stderr
    assert [name for name in WRITES[stage] if (disk / name).exists()] == []

    (disk / "filler").unlink()
    mount("-o", "remount,size=64m", str(disk))
    again = finished(command, project)

    assert again.returncode == 0, again.stderr
    assert [name for name in WRITES[stage] if not (disk / name).exists()] == []


@pytest.mark.parametrize("stage", ["seed", "classify", "report"])
def test_a_stage_on_a_disk_that_cannot_be_written_says_so(project, disk, stage):
    command = command_of(project, stage, disk)
    mount("-o", "remount,ro", str(disk))

    refused = finished(command, project)

    assert refused.returncode == 2, refused.stderr
    assert "Read-only file system" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_photographs_that_vanish_are_named(project, tmp_path):
    moved = tmp_path / "project"
    shutil.copytree(project, moved)
    (photos,) = (moved / "data").glob("shapes-*")
    shutil.rmtree(photos / "images")

    done = finished(snakemake("--forcerun", "classify"), moved)

    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert ".jpg: no such file." in said
    assert "Traceback" not in said


def test_the_root_of_the_project_is_found():
    assert (ROOT / "Snakefile").is_file()
