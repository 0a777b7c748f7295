import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from auxseg.config import IndexOptions, SaliencyOptions
from auxseg.datasets.index_file import Index, read_index
from auxseg.errors import UserError
from auxseg.stages import index, masks, saliency
from auxseg.store import Header, MapReader, MapWriter, Shard, file_digest, read_table


def options_of(root: Path, **options) -> IndexOptions:
    folder = {"root": str(root), **options}
    return IndexOptions.model_validate({"dataset": "folder", "folder": folder})


def run(root: Path, out: Path, threads: int = 2, **options) -> Index:
    chosen = options_of(root, **options)
    index.run(chosen, index=out / "index.h5", threads=threads)
    masks.run(chosen, index=out / "index.h5", masks=out / "masks.h5")
    return read_index(out / "index.h5")


def faults_of(root: Path, out: Path, **options) -> list[str]:
    """The listed faults, without the temporary folder's name; nothing is written."""
    with pytest.raises(UserError) as caught:
        run(root, out, **options)
    assert not out.exists()
    heading, *faults = str(caught.value).replace(f"{root}/", "").splitlines()
    noun = "fault" if len(faults) == 1 else "faults"
    assert heading == f"the data set cannot be used: {len(faults)} {noun}"
    return [fault.removeprefix("  - ") for fault in faults]


def add_row(root: Path, row: str) -> None:
    with (root / "labels.csv").open("a", encoding="utf-8") as stream:
        stream.write(row + "\n")


def test_index_and_masks_hold_the_data_set(my_photos, tmp_path):
    found = run(my_photos, tmp_path / "out")

    assert found.classes == ("cat", "dog")
    assert found.palette == ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    assert [(e.id, e.split, e.height, e.width, e.labels.tolist()) for e in found.entries] == [
        ("tom", "train", 4, 6, [True, False]),
        ("rex", "train", 4, 6, [False, True]),
        ("both", "val", 4, 6, [True, True]),
    ]
    assert found.entries[0].image == my_photos / "images" / "tom.jpg"
    with MapReader(tmp_path / "out" / "masks.h5", "masks") as maps:
        assert maps.ids() == ["both", "rex", "tom"]
        assert maps.read("rex").tolist() == [[2] * 6] * 4


def test_the_masks_name_the_index_and_the_index_no_masks(my_photos, tmp_path):
    run(my_photos, tmp_path / "out")

    attributes, _ = read_table(tmp_path / "out" / "index.h5", "index")
    assert json.loads(attributes["inputs"]) == {}
    with MapReader(tmp_path / "out" / "masks.h5") as maps:
        inputs = json.loads(maps.attributes["inputs"])
    assert inputs == {"index": file_digest(tmp_path / "out" / "index.h5")}


def test_a_project_can_be_moved_with_its_photographs(my_photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(Path("my-photos"), Path("results"))

    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("my-photos", "results"):
        (tmp_path / name).rename(moved / name)

    entry = read_index(moved / "results/index.h5").entries[0]
    assert entry.image == moved / "my-photos/images/tom.jpg"
    assert entry.photograph().shape == (4, 6, 3)


def test_the_index_of_other_photographs_of_the_same_names_and_sizes_is_another(my_photos, tmp_path):
    run(my_photos, tmp_path / "out")
    first = file_digest(tmp_path / "out/index.h5")

    Image.new("RGB", (6, 4), (1, 2, 3)).save(my_photos / "images" / "tom.jpg")
    run(my_photos, tmp_path / "out")

    assert file_digest(tmp_path / "out/index.h5") != first


def test_the_classes_are_told_with_how_many_photographs_show_each(my_photos, tmp_path, capsys):
    (my_photos / "masks" / "rex.png").unlink()

    run(my_photos, tmp_path / "out")

    assert (
        "2 classes, with the photographs that show each: 1 cat (1 train, 1 val); "
        "2 dog (1 train, 1 val)\n2 of 3 photographs have a true mask\n"
    ) in capsys.readouterr().err


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
    run(my_photos, tmp_path / "out", **spoil_labels(my_photos))

    told = [line for line in capsys.readouterr().err.splitlines() if "doubtful" in line]
    assert told == [f"auxseg: doubtful: {doubt}" for doubt in DOUBTS]


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
    run(my_photos, tmp_path / "out")
    before = (tmp_path / "out/masks.h5").read_bytes()
    Image.new("L", (5, 4), 3).save(my_photos / "masks" / "both.png")

    with pytest.raises(UserError, match="the true masks cannot be used: 2 faults"):
        masks.run(
            options_of(my_photos),
            index=tmp_path / "out/index.h5",
            masks=tmp_path / "out/masks.h5",
        )

    assert (tmp_path / "out/masks.h5").read_bytes() == before


def test_images_without_masks_are_indexed_too(my_photos, tmp_path):
    for name in ("tom", "rex", "both"):
        (my_photos / "masks" / f"{name}.png").unlink()

    assert len(run(my_photos, tmp_path / "out").entries) == 3
    with MapReader(tmp_path / "out" / "masks.h5", "masks") as maps:
        assert maps.ids() == []


def test_the_number_of_threads_changes_nothing(tiny_options, tmp_path):
    for threads in (1, 4):
        file = tmp_path / str(threads) / "index.h5"
        index.run(tiny_options, index=file, threads=threads)

    assert file_digest(tmp_path / "1/index.h5") == file_digest(tmp_path / "4/index.h5")


def test_unusual_photographs_are_welcome(my_photos, tmp_path):
    images = {
        "cmyk": Image.new("CMYK", (5, 3)),
        "plain grey": Image.new("L", (5, 3)),
        "grey": Image.fromarray(np.full((3, 5), 40000, dtype=np.uint16)),
        "palette": Image.new("P", (5, 3)),
        "Bär im Wald": Image.new("RGBA", (5, 3)),
    }
    for name, image in images.items():
        suffix = "jpg" if image.mode in ("CMYK", "L") else "png"
        image.save(my_photos / "images" / f"{name}.{suffix}")
        add_row(my_photos, f"{name},cat,train")

    found = run(my_photos, tmp_path / "out")

    assert [e.id for e in found.entries[3:]] == list(images)
    assert {(e.height, e.width) for e in found.entries[3:]} == {(3, 5)}


def test_a_turned_photograph_needs_an_upright_mask(my_photos, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(my_photos / "images" / "tom.jpg", exif=exif)
    assert faults_of(my_photos, tmp_path / "out") == [
        "mask of image 'tom': 6 x 4 pixels, but the image has 4 x 6; make it from that very image."
    ]

    Image.new("L", (4, 6), 1).save(my_photos / "masks" / "tom.png")
    found = run(my_photos, tmp_path / "out")

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
        "labels.csv line 6: unknown class 'dgo' (did you mean 'dog'?)",
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


def test_parts_of_an_interrupted_run_are_not_trusted(my_photos, tmp_path):
    run(my_photos, tmp_path / "out")
    written = tmp_path / "out" / "masks.h5"
    with MapReader(written) as reader:
        text, inputs = reader.attributes["options"], json.loads(reader.attributes["inputs"])
    interrupted = MapWriter(written, Header("masks", text, inputs), maps_per_part=1)
    interrupted.put("tom", np.zeros((4, 6), dtype=np.uint8))

    run(my_photos, tmp_path / "out")

    with MapReader(written) as reader:
        assert reader.read("tom").tolist() == [[1] * 6] * 4


def call(out: Path, options: str) -> subprocess.CompletedProcess:
    paths = ["--index", str(out / "index.h5")]
    command = [sys.executable, "-m", "auxseg.cli", "index", *paths, "--options", options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_faults_are_told_on_the_command_line_and_leave_earlier_artifacts(my_photos, tmp_path):
    out = tmp_path / "out"
    run(my_photos, out)
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


def test_real_photographs_are_indexed(voc_animals, tmp_path):
    animals = ["cat", "cow", "dog", "horse", "person", "sheep"]
    lists = {"train_list": "mini_val", "val_list": "mini_train"}
    voc = {"root": str(voc_animals), "labels": "csv", "classes": animals, **lists}
    options = IndexOptions.model_validate({"dataset": "voc", "voc": voc})
    index.run(options, index=tmp_path / "index.h5", threads=2)
    masks.run(options, index=tmp_path / "index.h5", masks=tmp_path / "masks.h5")

    found = read_index(tmp_path / "index.h5")
    with MapReader(tmp_path / "masks.h5") as maps:
        assert len(maps) == len(found.entries) == 349
        assert maps.read(found.entries[0].id).shape == (
            found.entries[0].height,
            found.entries[0].width,
        )


def test_large_photographs_masks_and_saliency_are_scaled_down_alike(tmp_path):
    root = tmp_path / "photos"
    for folder in ("images", "masks", "saliency"):
        (root / folder).mkdir(parents=True)
    Image.fromarray(np.full((40, 80, 3), 9, np.uint8)).save(root / "images/a.png")
    Image.fromarray(np.ones((40, 80), np.uint8)).save(root / "masks/a.png")
    Image.fromarray(np.full((40, 80), 200, np.uint8)).save(root / "saliency/a.png")
    (root / "labels.csv").write_text("image,labels\na,cat\n")
    options = IndexOptions.model_validate(
        {"dataset": "folder", "longest_side": 32, "folder": {"root": str(root)}}
    )

    index.run(options, index=tmp_path / "i.h5")
    masks.run(options, index=tmp_path / "i.h5", masks=tmp_path / "m.h5")
    saliency.run(SaliencyOptions(), index=tmp_path / "i.h5", saliency=tmp_path / "s.h5")

    entry = read_index(tmp_path / "i.h5").entries[0]
    assert entry.size == (16, 32)
    assert entry.photograph().shape == (16, 32, 3)
    with MapReader(tmp_path / "m.h5") as truth, MapReader(tmp_path / "s.h5") as maps:
        assert np.array_equal(truth.read("a"), np.ones((16, 32)))
        assert np.array_equal(maps.read("a"), np.full((16, 32), 200))


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


def test_shards_of_other_photographs_are_refused(my_photos, tmp_path):
    call = partial(index.run, options_of(my_photos))
    for number in (1, 2):
        call(index=tmp_path / f"shards/{number}_of_2/index.h5", shard=Shard(number, 2))
    shutil.copy(my_photos / "images/rex.jpg", my_photos / "images/max.jpg")
    add_row(my_photos, "max.jpg,dog,train")

    with pytest.raises(UserError, match=r"2_of_2/index\.h5: a shard made with other options or ph"):
        call(index=tmp_path / "index.h5", shard=Shard(None, 2))
