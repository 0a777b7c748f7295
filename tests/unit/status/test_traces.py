"""What unfinished jobs leave: running or interrupted, how far, and how they ended."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from auxseg.status import JobState, job_states
from auxseg.store import Header, MapWriter
from tests.unit.status.finished_run import LONG_AGO, age, index, say

SILENT = "silent since then: killed, or waiting"


def row(folder: Path, stage: str, number: int | None = None) -> JobState:
    (found,) = (s for s in job_states(folder) if (s.stage, s.round) == (stage, number))
    return found


def leave_parts(folder: Path, path: str, split: str, count: int) -> None:
    """Maps of the first photographs of a split, two a part, in the place of an artifact."""
    (folder / path).unlink()
    writer = MapWriter(folder / path, Header("any"), maps_per_part=2)
    for entry in index(folder).split(split)[:count]:
        writer.put(entry.id, np.zeros(entry.size, np.uint8))


@pytest.mark.parametrize(
    ("path", "stage", "number", "split", "total"),
    [
        ("saliency.h5", "saliency", None, "train", 12),
        ("round0/labels.h5", "seed", 0, "train", 12),
        ("round1/predictions.h5", "predict", 1, "val", 6),
    ],
)
def test_parts_tell_how_many_photographs_are_done(run, path, stage, number, split, total):
    leave_parts(run, path, split, 5)

    found = row(run, stage, number)

    assert (found.state, found.how_far, found.why) == (
        "running",
        f"4 of {total} photographs",  # the fifth waits for its part
        "",
    )


def test_parts_that_nothing_was_added_to_for_long_are_those_of_an_interrupted_job(run):
    leave_parts(run, "cam.h5", "train", 5)
    age(run / "cam.h5.parts")

    found = row(run, "cam")

    assert (found.state, found.how_far, found.why) == (
        "interrupted",
        "4 of 12 photographs",
        SILENT,
    )
    assert abs(time.time() - LONG_AGO - found.when.timestamp()) < 60


def test_without_an_index_parts_are_counted_still(run):
    leave_parts(run, "cam.h5", "train", 5)
    (run / "index.h5").unlink()

    assert row(run, "cam").how_far == "4 photographs"


def test_of_two_artifacts_of_a_stage_the_one_behind_counts(run):
    leave_parts(run, "round1/labels.h5", "train", 6)
    leave_parts(run, "round1/saliency.h5", "train", 2)

    assert row(run, "refine", 1).how_far == "2 of 12 photographs"


def begin_training(run: Path) -> None:
    """Round 1 with a checkpoint instead of weights."""
    (run / "round1/weights.safetensors").unlink()
    (run / "round1/history.csv").unlink()
    (run / "round1/checkpoint.pt").write_bytes(b"never read")


def test_a_training_tells_its_epoch_in_its_log(run):
    begin_training(run)
    say(run, "train_round1", "epoch 2/10: loss 1.3 (37 s in all)", "epoch 3/10: 12/40")

    found = row(run, "train", 1)

    assert (found.state, found.how_far) == ("running", "epoch 3 of 10, step 12 of 40")


def test_a_training_without_a_log_is_told_by_its_checkpoint(run):
    begin_training(run)
    age(run / "round1/checkpoint.pt")

    found = row(run, "train", 1)

    assert (found.state, found.how_far, found.why) == ("interrupted", "", SILENT)


def test_events_are_a_sign_of_life_between_two_checkpoints(run):
    begin_training(run)
    age(run / "round1/checkpoint.pt")
    (run / "round1/tensorboard").mkdir()
    (run / "round1/tensorboard/events.out").write_bytes(b"")

    assert row(run, "train", 1).state == "running"


def test_events_of_an_earlier_training_are_no_beginning_of_another(run):
    begin_training(run)
    (run / "round1/checkpoint.pt").unlink()
    (run / "round1/tensorboard").mkdir()
    (run / "round1/tensorboard/events.out").write_bytes(b"")

    assert row(run, "train", 1).state == "missing"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (
            ["cam: 3/12", "auxseg: stopped by SIGTERM; the same command goes on from there."],
            "stopped by SIGTERM",
        ),
        (["auxseg: error: a.jpg: damaged.", "  - more"], "error: a.jpg: damaged."),
        (["Traceback (most recent call last):", "  File x", "ValueError: 3"], "ValueError: 3"),
    ],
)
def test_a_job_whose_log_tells_its_end_was_interrupted_however_lately(run, lines, why):
    (run / "cam.h5").unlink()
    say(run, "cam", *lines)

    found = row(run, "cam")

    assert (found.state, found.why) == ("interrupted", why)


def test_a_job_begun_again_since_its_log_ended_is_running(run):
    log = say(run, "cam", "auxseg: error: the memory is full.")
    age(log)
    leave_parts(run, "cam.h5", "train", 2)

    assert row(run, "cam").state == "running"


def test_a_log_that_grows_is_a_sign_of_life(run):
    (run / "round0/metrics.csv").unlink()
    say(run, "evaluate_round0", "evaluate labels: 7/12")

    found = row(run, "evaluate", 0)

    assert (found.state, found.how_far) == ("running", "evaluate labels 7 of 12")


def test_the_log_of_a_job_that_ended_well_is_none_of_a_job_at_work(run):
    (run / "round0/metrics.csv").unlink()
    say(run, "evaluate_round0", "evaluate labels: 12/12")
    (run / "benchmarks").mkdir()
    (run / "benchmarks/evaluate_round0.tsv").write_text("s\n1\n")

    assert row(run, "evaluate", 0).state == "missing"


def test_a_first_stage_that_failed_is_a_run(tmp_path):
    say(tmp_path, "index", "auxseg: error: the data set cannot be used: 1 fault", "  - b.jpg")

    found = row(tmp_path, "index")

    assert (found.state, found.why) == (
        "interrupted",
        "error: the data set cannot be used: 1 fault",
    )


def test_a_round_that_is_being_refined_is_told_before_it_has_a_file(run):
    for path in sorted((run / "round2").iterdir()):
        path.unlink()
    say(run, "refine_round2", "refine: 1/12")

    assert row(run, "refine", 2).state == "running"
    assert row(run, "evaluate", 2).state == "missing"


def test_a_file_that_is_written_aside_is_a_beginning(run):
    shutil.move(run / "cam.h5", run / "cam.h5.tmp")
    age(run / "cam.h5.tmp")

    assert row(run, "cam").state == "interrupted"
    (run / "cam.h5.tmp").touch()
    assert row(run, "cam").state == "running"
