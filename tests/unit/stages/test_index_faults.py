"""Faults of a data set: what is told, all at once, and what stays as it was."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from auxseg.config import IndexOptions
from auxseg.datasets.index_file import read_index
from auxseg.errors import UserError
from auxseg.stages import index, masks
from auxseg.store import Shard
from tests.unit.stages.folder_index import add_row, faults_of, make_index, options_of

DOUBTS = [
    "class 'bird' has no training photograph.",
    "image 'tom': labelled cat, not in its mask.",
    "image 'tom': its mask shows dog, not a label.",
    "image 'both': labelled cat, dog, not in its mask.",
]


def spoil_labels(root: Path) -> dict:
    Image.new("L", (6, 4), 2).save(root / "masks" / "tom.png")
    return {"classes": ("cat", "dog", "bird")}


def test_doubtful_labels_are_told_and_accepted(my_photos, tmp_path, capsys):
    make_index(my_photos, tmp_path / "out", **spoil_labels(my_photos))

    told = [line for line in capsys.readouterr().err.splitlines() if "doubtful" in line]
    assert told == [f"auxseg: doubtful: {doubt}" for doubt in DOUBTS]


def test_a_photograph_to_evaluate_on_need_not_say_what_its_mask_shows(my_photos, tmp_path, capsys):
    (my_photos / "labels.csv").write_text("image,labels,split\ntom,cat,\nrex,dog,\nboth,,val\n")

    make_index(my_photos, tmp_path / "out")

    assert "doubtful" not in capsys.readouterr().err


def test_doubtful_labels_are_faults_on_request(my_photos, tmp_path):
    options = {"root": str(my_photos), **spoil_labels(my_photos)}
    chosen = IndexOptions.model_validate(
        {"dataset": "folder", "doubtful_labels": "error", "folder": options}
    )

    with pytest.raises(UserError, match="the data set has doubtful labels: 4 faults") as caught:
        index.run(chosen, index=tmp_path / "index.h5")

    assert str(caught.value).splitlines()[1:] == [f"  - {doubt}" for doubt in DOUBTS]
    assert not (tmp_path / "index.h5").exists()


def test_more_classes_than_maps_tell_apart_are_refused(my_photos, tmp_path):
    names = ";".join(f"class{number}" for number in range(255))
    (my_photos / "labels.csv").write_text(f"image,labels\ntom,{names}\nrex,class0\nboth,class1\n")

    faults = faults_of(my_photos, tmp_path / "out")

    assert faults[0] == "255 classes are more than the limit of 254; merge some."


def test_a_mask_that_was_spoilt_after_the_index_is_a_fault(my_photos, tmp_path):
    make_index(my_photos, tmp_path / "out")
    before = (tmp_path / "out/masks.h5").read_bytes()
    Image.new("L", (5, 4), 3).save(my_photos / "masks" / "both.png")

    with pytest.raises(UserError, match="the true masks cannot be used: 2 faults"):
        masks.run(
            options_of(my_photos),
            index=tmp_path / "out/index.h5",
            masks=tmp_path / "out/masks.h5",
        )

    assert (tmp_path / "out/masks.h5").read_bytes() == before


def test_a_turned_photograph_needs_an_upright_mask(my_photos, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(my_photos / "images" / "tom.jpg", exif=exif)
    assert faults_of(my_photos, tmp_path / "out") == [
        "mask of image 'tom': 6 x 4 pixels, but the image has 4 x 6; make it from that very image."
    ]

    Image.new("L", (4, 6), 1).save(my_photos / "masks" / "tom.png")
    found = make_index(my_photos, tmp_path / "out")

    assert (found.entries[0].height, found.entries[0].width) == (6, 4)


def test_all_faults_are_listed_at_once(my_photos, tmp_path):
    whole = (my_photos / "images" / "tom.jpg").read_bytes()
    (my_photos / "images" / "tom.jpg").write_bytes(whole[: len(whole) - 20])
    (my_photos / "images" / "rex.jpg").write_bytes(b"")
    Image.new("L", (5, 4), 3).save(my_photos / "masks" / "both.png")
    (my_photos / "saliency").mkdir()
    Image.new("L", (6, 5)).save(my_photos / "saliency" / "both.png")
    add_row(my_photos, "gone,cat,train")
    add_row(my_photos, "rex,dgo,train")

    assert faults_of(my_photos, tmp_path / "out", classes=("cat", "dog")) == [
        "labels.csv line 5: no photograph 'gone' in images; add it or remove the row.",
        "labels.csv line 6: unknown class 'dgo' (did you mean 'dog'?); mend it, or add it at the "
        "end of index.folder.classes.",
        "labels.csv line 6: 'rex' stands on line 3 already; remove one.",
        "images/tom.jpg: the image is truncated; copy or convert it again.",
        "images/rex.jpg: the file is empty (0 bytes); copy it again.",
        "mask of image 'both': 5 x 4 pixels, but the image has 6 x 4; make it from that very "
        "image.",
        "mask of image 'both': value 3 is no class; allowed are 0 (background), 1 to 2 and 255 "
        "(unknown).",
        "saliency/both.png: 6 x 5 pixels, but the image has 6 x 4; make it from that very image.",
    ]


def test_a_damaged_mask_is_a_fault(my_photos, tmp_path):
    (my_photos / "masks" / "tom.png").write_bytes(b"not a mask")

    assert faults_of(my_photos, tmp_path / "out") == [
        "masks/tom.png: not an image that can be read; save it as JPEG or PNG."
    ]


def test_one_id_for_two_photographs_is_a_fault(tmp_path):
    (tmp_path / "annotations").mkdir()
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        Image.new("RGB", (6, 4)).save(tmp_path / split / "1.png")
        box = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0}
        content = {
            "images": [{"id": 1, "file_name": "1.png", "width": 6, "height": 4}],
            "annotations": [{**box, "segmentation": [[0, 0, 3, 0, 3, 3, 0, 3]]}],
            "categories": [{"id": 1, "name": "cat", "supercategory": "animal"}],
        }
        (tmp_path / "annotations" / f"{split}.json").write_text(json.dumps(content))
    places = {f"{s}_images": s for s in ("train", "val")}
    places |= {f"{s}_annotations": f"annotations/{s}.json" for s in ("train", "val")}
    options = IndexOptions.model_validate(
        {"dataset": "coco", "coco": {"root": str(tmp_path), **places}}
    )

    with pytest.raises(UserError, match="image id '1' stands for 2 photographs; rename all but"):
        index.run(options, index=tmp_path / "index.h5")


def call(out: Path, options: str) -> subprocess.CompletedProcess:
    paths = ["--index", str(out / "index.h5")]
    command = [sys.executable, "-m", "auxseg.cli", "index", *paths, "--options", options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_faults_are_told_on_the_command_line_and_leave_earlier_artifacts(my_photos, tmp_path):
    out = tmp_path / "out"
    make_index(my_photos, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (my_photos / "images" / "tom.jpg").write_bytes(b"")
    add_row(my_photos, "nobody,cat,train")

    result = call(out, f"{{dataset: folder, folder: {{root: {my_photos}}}}}")

    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.splitlines()[-3:] == [
        "auxseg: error: the data set cannot be used: 2 faults",
        f"  - {my_photos}/labels.csv line 5: no photograph 'nobody' in {my_photos}/images; add it "
        f"or remove the row.",
        f"  - {my_photos}/images/tom.jpg: the file is empty (0 bytes); copy it again.",
    ]
    assert "Traceback" not in result.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_missing_data_set_is_one_sentence_on_the_command_line(tmp_path):
    result = call(tmp_path, "{dataset: voc, voc: {root: /nowhere}}")

    assert result.returncode == 2
    assert result.stderr == (
        "auxseg: error: /nowhere/JPEGImages: no such folder; index.voc.root must be the one above "
        "it.\n"
    )


def test_faults_that_shards_found_are_listed_together_where_they_are_joined(my_photos, tmp_path):
    for name in ("tom", "rex", "both"):
        (my_photos / f"images/{name}.jpg").write_bytes(b"")
    call = partial(index.run, options_of(my_photos))
    for number in (1, 2):
        call(index=tmp_path / f"shards/{number}_of_2/index.h5", shard=Shard(number, 2))

    with pytest.raises(UserError, match="the data set cannot be used: 3 faults"):
        call(index=tmp_path / "index.h5", shard=Shard(None, 2))


def test_shards_that_found_faults_look_again_once_these_are_mended(my_photos, tmp_path):
    whole = (my_photos / "images/tom.jpg").read_bytes()
    (my_photos / "images/tom.jpg").write_bytes(b"")
    call = partial(index.run, options_of(my_photos))
    files = [tmp_path / f"shards/{number}_of_2/index.h5" for number in (1, 2)]
    for number, file in enumerate(files, start=1):
        call(index=file, shard=Shard(number, 2))
    with pytest.raises(UserError, match="1 fault"):
        call(index=tmp_path / "index.h5", shard=Shard(None, 2))

    assert not any(file.exists() for file in files)  # so that Snakemake makes them again
    (my_photos / "images/tom.jpg").write_bytes(whole)
    for number, file in enumerate(files, start=1):
        call(index=file, shard=Shard(number, 2))
    call(index=tmp_path / "index.h5", shard=Shard(None, 2))
    assert len(read_index(tmp_path / "index.h5").entries) == 3
