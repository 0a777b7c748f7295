"""The workflow on a real Slurm cluster that loses jobs, nodes and Snakemake itself."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from auxseg.store import file_digest
from tests import processes
from tests.cluster import slurm
from tests.processes import copy_of_the_project, finished

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("AUXSEG_SLURM") != "1", reason="starts a Slurm cluster: make test-slurm"
    ),
]

ONE_CORE = ("--max-threads", "1")  # the last bits of a sum depend on how many cores share it
PROFILE = (
    *("--workflow-profile", "profiles/slurm", *ONE_CORE, "--jobs", "4"),
    *("--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "5"),
)
LONG = {"classify": {"epochs": 60, "crop_size": 48}}


@pytest.fixture(scope="module")
def cluster() -> Iterator[slurm.Cluster]:
    if reason := slurm.missing():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="slurm-") as root, slurm.cluster(Path(root)) as found:
        yield found
        print(found.ask("scontrol", "show", "nodes", "-o"))
        for record in found.records():
            print(
                {
                    key: record[key]
                    for key in ("JobId", "JobState", "NodeList", "StartTime", "EndTime")
                }
            )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_project(tmp_path_factory.mktemp("project"))


def command(*targets: str, **config) -> list[str]:
    return processes.snakemake(*PROFILE, *targets, **config)


def run(cluster: slurm.Cluster, project: Path, *targets: str, **config) -> None:
    done = subprocess.run(
        command(*targets, **config),
        cwd=project, env=cluster.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def started(
    cluster: slurm.Cluster, project: Path, *targets: str, **config
) -> subprocess.Popen[bytes]:
    # A shell lets what it starts in the background ignore SIGINT, and so would Snakemake then.
    heard = ["env", "--default-signal=INT"]
    with (project / "snakemake.log").open("ab") as log:
        return subprocess.Popen(
            [*heard, *command(*targets, **config)],
            cwd=project, env=cluster.environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def running(cluster: slurm.Cluster, rule: str) -> tuple[str, str]:
    """(job, node) of a rule's job, once it runs."""
    slurm.wait_until(lambda: cluster.running(rule), 120, f"a job of {rule}")
    found = cluster.running(rule)
    assert found is not None
    return found


def log_of_classifier(project: Path, run: str) -> str:
    log = project / f"results/{run}/logs/classify.log"
    return log.read_text() if log.exists() else ""


def after_an_epoch(project: Path, run: str) -> None:
    slurm.wait_until(lambda: "epoch 1/" in log_of_classifier(project, run), 60, "an epoch")


def states(cluster: slurm.Cluster, job: str) -> list[str]:
    return [record["JobState"] for record in cluster.records() if record["JobId"] == job]


def test_a_run_in_shards_ends_with_the_artifacts_of_a_run_on_one_machine(cluster, project):
    run(cluster, project, run="cluster", rounds=1, shards=2)

    alone = finished(processes.snakemake(*ONE_CORE, run="alone", rounds=1), project)
    assert alone.returncode == 0, alone.stdout + alone.stderr
    for name in (
        *("index.h5", "saliency.h5", "cam.h5", "round0/labels.h5", "round0/predictions.h5"),
        *("round0/weights.safetensors", "round0/metrics.csv", "round1/labels.h5"),
    ):
        there, here = (
            file_digest(project / "results" / run / name) for run in ("cluster", "alone")
        )
        assert there == here, name
    jobs = [record for record in cluster.records() if record["JobState"] == "COMPLETED"]
    assert len(jobs) >= 20
    assert {record["NodeList"] for record in jobs} == set(slurm.NODES)


def test_a_cancelled_job_is_tried_again_with_twice_the_memory(cluster, project):
    snakemake = started(cluster, project, "classify", run="cancelled", **LONG)
    job, _ = running(cluster, "classify")
    after_an_epoch(project, "cancelled")

    cluster.ask("scancel", job)

    assert snakemake.wait(240) == 0
    assert "goes on after step" in log_of_classifier(project, "cancelled")
    assert states(cluster, job) == ["CANCELLED"]
    assert cluster.memory("classify")[-2:] == ["12000M", "24000M"]
    assert (project / "results/cancelled/classifier/weights.safetensors").is_file()


def test_a_job_of_a_node_that_went_down_ends_on_another(cluster, project):
    snakemake = started(cluster, project, "classify", run="crashed", **LONG)
    _, node = running(cluster, "classify")
    after_an_epoch(project, "crashed")

    cluster.crash_node(node)

    assert snakemake.wait(240) == 0
    assert "goes on after step" in log_of_classifier(project, "crashed")
    assert (project / "results/crashed/classifier/weights.safetensors").is_file()
    other = [r["NodeList"] for r in cluster.records() if r["JobState"] == "COMPLETED"][-1]
    assert other != node
    cluster.start_node(node)
    slurm.wait_until(lambda: node in cluster.ask("sinfo", "-h", "-N", "-t", "idle"), 60, node)


def test_an_interrupted_snakemake_cancels_its_jobs_and_the_next_one_ends_them(cluster, project):
    snakemake = started(cluster, project, "cam", run="interrupted", shards=3, **LONG)
    job, _ = running(cluster, "classify")

    os.killpg(snakemake.pid, signal.SIGINT)

    assert snakemake.wait(60) != 0
    slurm.wait_until(lambda: states(cluster, job) == ["CANCELLED"], 30, "the job's end")
    run(cluster, project, "cam", run="interrupted", shards=3, **LONG)
    assert (project / "results/interrupted/cam.h5").is_file()
