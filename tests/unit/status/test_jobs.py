"""Which jobs a run's files tell of: rounds, shards, and what was asked for besides."""

import os
import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from auxseg.datasets.index_file import Index, write_index
from auxseg.status import job_states
from auxseg.store import Header, MapWriter, Shard
from tests.unit.status.finished_run import (
    BEFORE,
    FIRST,
    age,
    index,
    not_done,
    of_photographs,
    rows,
    say,
    write_maps,
    write_weights,
)


def test_a_run_that_has_just_an_index_lacks_the_first_round(run):
    for path in run.iterdir():
        if path.name != "index.h5":
            path.unlink() if path.is_file() else shutil.rmtree(path)

    assert list(rows(run)) == [*BEFORE, *FIRST, ("report", None)]
    assert set(not_done(run).values()) == {("missing", "")}


def test_a_training_that_has_begun_in_the_last_round_is_told_with_what_follows_it(run):
    (run / "round2/checkpoint.pt").write_bytes(b"any")

    found = not_done(run)

    assert found["train", 2] == ("running", "")
    assert found["predict", 2] == ("missing", "")
    assert found["evaluate", 2] == ("stale", "round2/predictions.h5 is missing")


def test_labels_from_files_leave_no_cam_to_wait_for(run):
    (run / "cam.h5").unlink()
    write_maps(
        run, "round0/labels.h5", "labels", of_photographs(run, "train", 1), {"index": "index.h5"}
    )

    assert ("cam", None) not in rows(run)
    assert rows(run)["seed", 0].state == "done"


def test_pseudo_masks_are_those_of_the_last_network(run):
    maps = {name: values[None] for name, values in of_photographs(run, "train", 0).items()}
    inputs = {"index": "index.h5", "weights": "round1/weights.safetensors"}
    write_maps(run, "pseudo_masks/predictions.h5", "predictions", maps, inputs)

    assert not_done(run) == {("evaluate pseudo_masks", None): ("missing", "")}

    inputs["weights"] = "round0/weights.safetensors"
    write_maps(run, "pseudo_masks/predictions.h5", "predictions", maps, inputs)
    assert not_done(run)["predict pseudo_masks", None] == (
        "stale",
        "made from another round1/weights.safetensors",
    )


def test_packed_photographs_belong_to_the_index(run):
    table = index(run)
    packed = Index(table.classes, table.palette, table.entries, packed=True)
    write_index(run / "index.h5", Header("index"), packed)

    assert not_done(run)["index", None] == ("missing", "images.h5 not there")


def write_shard(folder: Path, shard: Shard, count: int | None = None) -> None:
    """CAMs of a shard; of its first photographs alone, it stays in parts."""
    entries = shard.take(index(folder).split("train"))
    header = Header("cam", "{}", {})
    writer = MapWriter(shard.file(folder / "cam.h5"), header, maps_per_part=1, shard=shard)
    with writer if count is None else nullcontext():
        for entry in entries[:count]:
            writer.put(entry.id, np.zeros((1, 2, 2), np.float16))


def test_shards_are_counted_and_those_that_are_not_done_have_rows(run):
    (run / "cam.h5").unlink()
    write_shard(run, Shard(1, 3))
    write_shard(run, Shard(3, 3), count=2)

    found = rows(run)

    assert found["cam", None].state == found["cam 3/3", None].state == "running"
    assert found["cam", None].how_far == "1 of 3 shards"
    assert found["cam 3/3", None].how_far == "2 of 4 photographs"
    assert ("cam 1/3", None) not in found

    age(run / "shards")
    found = rows(run)
    assert found["cam", None].state == found["cam 3/3", None].state == "interrupted"


def test_shards_that_wait_for_others_to_begin_are_counted(run):
    (run / "cam.h5").unlink()
    write_shard(run, Shard(1, 3))

    row = rows(run)["cam", None]

    assert (row.state, row.how_far) == ("missing", "1 of 3 shards")


def test_shards_left_from_before_all_were_joined_are_not_told(run):
    write_shard(run, Shard(3, 3), count=2)
    age(run / "shards")

    assert not_done(run) == {}


def test_shards_begun_since_all_were_joined_are_told(run):
    say(run, "shards/cam_2_of_3", "cam: 1/4")
    age(run / "cam.h5")

    (row,) = (row for row in job_states(run) if row.stage == "cam 2/3")

    assert (row.state, row.how_far) == ("running", "cam 1 of 4")


def test_a_training_is_judged_by_what_its_options_say_that_it_read(run):
    inputs = {"index": "index.h5", "labels": "masks.h5", "saliency": "round1/saliency.h5"}
    inputs["initial_weights"] = "classifier/weights.safetensors"
    write_weights(run, "round1", inputs, labels="masks", start_from="classifier")
    assert rows(run)["train", 1].state == "done"

    write_weights(run, "round1", inputs)
    assert rows(run)["train", 1].why == (
        "made from another round1/labels.h5, made from another round0/weights.safetensors"
    )


def test_a_cam_that_labels_from_files_do_not_use_makes_no_report_stale(run):
    labels = of_photographs(run, "train", 1)
    write_maps(run, "round0/labels.h5", "labels", labels, {"index": "index.h5"})
    os.utime(run / "cam.h5")

    assert rows(run)["report", None].why.find("cam.h5") < 0
