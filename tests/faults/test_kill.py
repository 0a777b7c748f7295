"""kill -9 at any instant of a whole run: the same command ends with what it would have ended with.

By default one run is killed a few times. With AUXSEG_TORTURE set, 25 runs are killed once each, at
instants drawn over the whole run, and one run is killed again and again until it is done.
"""

import hashlib
import os
import shutil
import time
from pathlib import Path

import pytest

from auxseg.store import file_digest
from tests.processes import (
    copy_of_the_project,
    finished,
    instants,
    killed,
    left_behind,
    snakemake,
)

pytestmark = pytest.mark.slow

TORTURE = "AUXSEG_TORTURE" in os.environ


def contents(run: Path) -> dict[str, str]:
    """Digests of all that a run computes: maps without their dates, weights and tables whole."""
    found = {}
    for path in sorted(run.rglob("*")):
        if path.suffix == ".h5":
            found[str(path.relative_to(run))] = file_digest(path)
        elif path.suffix == ".safetensors" or path.name in ("metrics.csv", "per_class.csv"):
            found[str(path.relative_to(run))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return copy_of_the_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def undisturbed(project: Path) -> tuple[dict[str, str], float]:
    """What the run ends with, and the seconds it takes."""
    started = time.monotonic()
    done = finished(snakemake(), project)
    assert done.returncode == 0, done.stdout + done.stderr
    found = contents(project / "results/small")
    assert len(found) > 15
    return found, time.monotonic() - started


def disturbed(project: Path, moments: list[float], **config) -> tuple[dict[str, str], int]:
    """What the run ends with when it is killed at such moments, each since its last start."""
    shutil.rmtree(project / "results")
    kills = 0
    for seconds in moments:
        if not killed(snakemake(**config), project, seconds):
            break
        kills += 1
        assert left_behind(project) == []
        # Snakemake cannot know that the run which holds the lock is no more.
        unlocked = finished(snakemake("--unlock"), project)
        assert unlocked.returncode == 0, unlocked.stdout + unlocked.stderr
    done = finished(snakemake(**config), project)
    assert done.returncode == 0, done.stdout + done.stderr
    run = project / "results/small"
    assert [p for p in run.rglob("*") if p.suffix in (".tmp", ".parts")] == []
    assert not list(run.rglob("*checkpoint.pt"))
    return contents(run), kills


def test_a_run_killed_again_and_again_ends_with_the_same(project, undisturbed):
    expected, seconds = undisturbed
    moments = instants(1, 25 if TORTURE else 3, seconds / 2)

    found, kills = disturbed(project, moments)

    print(f"killed {kills} times")
    assert kills > 0
    assert found == expected


def test_a_run_in_shards_killed_again_and_again_ends_with_the_same_too(project, undisturbed):
    expected, seconds = undisturbed
    moments = instants(2, 25 if TORTURE else 3, seconds / 2)

    found, kills = disturbed(project, moments, shards=2)

    print(f"killed {kills} times")
    assert kills > 0
    assert found == expected


@pytest.mark.skipif(not TORTURE, reason="takes half an hour: make torture")
@pytest.mark.parametrize("number", range(25))
def test_a_run_killed_once_ends_with_the_same(project, undisturbed, number):
    expected, seconds = undisturbed
    moment = instants(2, 25, seconds)[number]

    kills = 0
    while not kills:  # a run may be done sooner than the first was
        found, kills = disturbed(project, [moment])
        moment *= 0.8

    print(f"killed {kills} times")
    assert found == expected
