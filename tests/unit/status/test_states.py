"""The states of a run's jobs, told by real artifacts."""

import subprocess
import sys
from pathlib import Path

import pytest

from auxseg.config import SeedOptions
from auxseg.datasets.index_file import Index, write_index
from auxseg.errors import UserError
from auxseg.stages import seed
from auxseg.status import job_states, records
from auxseg.store import Header
from tests.unit.one_round import score
from tests.unit.status.finished_run import (
    BEFORE,
    FIRST,
    LABELS_ALONE,
    SECOND,
    index,
    not_done,
    rows,
    write_cam,
    write_predictions,
    write_weights,
)

ALL = [*BEFORE, *FIRST, *SECOND, *LABELS_ALONE, ("report", None)]


def stale(folder: Path) -> dict[tuple[str, int | None], str]:
    """Why each row that is not done is stale; none may be anything else."""
    found = not_done(folder)
    assert {state for state, _ in found.values()} <= {"stale"}
    return {key: why for key, (_, why) in found.items()}


def test_a_finished_run_is_all_done_in_the_order_of_the_data(undisturbed):
    assert list(rows(undisturbed)) == ALL
    assert not_done(undisturbed) == {}
    assert all(row.when is not None for row in job_states(undisturbed))


def test_looking_changes_nothing(run):
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in run.rglob("*") if p.is_file()}

    job_states(run)

    after = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in run.rglob("*") if p.is_file()}
    assert after == before


def test_looking_needs_no_torch(undisturbed):
    code = (
        f"import sys; from pathlib import Path; from auxseg.status import job_states; "
        f"job_states(Path({str(undisturbed)!r})); sys.exit('torch' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_another_cam_makes_all_behind_it_stale_and_nothing_else(run):
    write_cam(run, 0.5)

    found = stale(run)

    assert list(found) == [key for key in ALL if key not in BEFORE]
    assert found["seed", 0] == "made from another cam.h5"
    assert found["train", 0] == "round0/labels.h5 is stale"
    assert found["predict", 0] == "round0/weights.safetensors is stale"
    assert found["evaluate", 0] == "round0/labels.h5 is stale, round0/predictions.h5 is stale"
    assert found["refine", 1] == "round0/weights.safetensors is stale"
    assert found["report", None] == "cam.h5 is newer"


def test_another_index_makes_everything_stale(run):
    table = index(run)
    fewer = Index(table.classes, table.palette, table.entries[:-1])
    write_index(run / "index.h5", Header("index"), fewer)

    found = stale(run)

    assert list(found) == [key for key in ALL if key != ("index", None)]
    assert found["classify", None] == found["refine", 2] == "made from another index.h5"
    assert found["evaluate", 0] == "index.h5 is newer"


def test_weights_of_another_training_make_what_reads_them_stale(run):
    write_weights(run, "round1", {"index": "index.h5"}, 7.0)

    found = stale(run)

    assert found["predict", 1] == "made from another round1/weights.safetensors"
    assert found["refine", 2] == "made from another round1/weights.safetensors"
    assert found["evaluate", 2] == "round2/labels.h5 is stale, round2/saliency.h5 is stale"
    assert list(found) == [("predict", 1), ("evaluate", 1), *LABELS_ALONE, ("report", None)]


def test_large_weights_are_told_by_their_time(run, monkeypatch):
    monkeypatch.setattr(records, "LARGEST_HASHED", 0)
    assert not_done(run) == {}

    (run / "round1/weights.safetensors").touch()

    assert stale(run)["predict", 1] == "round1/weights.safetensors is newer"


def test_the_same_content_made_again_keeps_what_recorded_it(run):
    write_cam(run)

    assert stale(run) == {("report", None): "cam.h5 is newer"}


def test_figures_older_than_the_masks_are_stale(run):
    (run / "masks.h5").touch()

    scored = [key for key in ALL if key[0] == "evaluate"]
    assert stale(run) == dict.fromkeys([*scored, ("report", None)], "masks.h5 is newer")


def test_an_input_that_is_gone_makes_what_was_made_from_it_stale(run):
    (run / "cam.h5").unlink()

    found = not_done(run)

    assert found["cam", None] == ("missing", "")
    assert found["seed", 0] == ("stale", "cam.h5 is missing")


def test_more_than_two_reasons_are_counted(run):
    for path in ("index.h5", "masks.h5", "round0/labels.h5"):
        (run / path).touch()

    assert rows(run)["evaluate", 0].why == "index.h5 is newer, masks.h5 is newer, and 1 more"


@pytest.mark.parametrize(
    ("path", "size", "key", "why"),
    [
        ("saliency.h5", 900, ("saliency", None), "not an HDF5 file, or a damaged one; delete"),
        ("round1/weights.safetensors", 60, ("train", 1), "not a weights file of auxseg"),
        ("round0/metrics.csv", 0, ("evaluate", 0), "damaged; delete the file and run its stage"),
        ("round0/metrics.csv", -9, ("evaluate", 0), "damaged; delete the file and run its stage"),
        ("report/index.html", 0, ("report", None), "damaged; delete the file and run its stage"),
    ],
)
def test_a_damaged_file_is_named(run, path, size, key, why):
    whole = (run / path).read_bytes()
    (run / path).write_bytes(whole[:size])

    row = rows(run)[key]

    assert row.state == "unreadable"
    assert row.why.startswith(f"{path}: {why}")


def test_what_was_made_from_a_damaged_file_is_stale(run):
    (run / "cam.h5").write_bytes(b"no")

    found = not_done(run)

    assert found["cam", None][0] == "unreadable"
    assert found["seed", 0] == ("stale", "cam.h5 is unreadable")


@pytest.mark.parametrize("content", [[], ["notes.txt"], ["report/notes.txt"]])
def test_a_folder_without_a_run_is_one_sentence(tmp_path, content):
    for name in content:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")

    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError) as caught:
            job_states(folder)
        assert str(caught.value) == (
            f"{folder}: holds no run; name the folder of one, results/{{run}}."
        )


def test_a_part_of_what_a_job_leaves_is_named(run):
    (run / "round0/history.csv").unlink()

    found = not_done(run)

    assert found["train", 0] == ("missing", "round0/history.csv not there")
    assert found["predict", 0] == ("stale", "round0/weights.safetensors is to be made again")


def test_what_was_stale_is_done_once_it_was_made_again(run):
    options = SeedOptions(use_saliency=False)
    paths = {name: run / f"{name}.h5" for name in ("index", "cam")}
    seed.run(options, **paths, labels=run / "round0/labels.h5")
    assert stale(run)["train", 0] == "made from another round0/labels.h5"

    inputs = {"index": "index.h5", "labels": "round0/labels.h5", "saliency": "saliency.h5"}
    inputs["initial_weights"] = "classifier/weights.safetensors"
    write_weights(run, "round0", inputs)
    write_predictions(run, 0)
    score(run, 0)

    assert next(iter(stale(run).items())) == (
        ("refine", 1),
        "made from another round0/weights.safetensors",
    )
