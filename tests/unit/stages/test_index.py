import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from auxseg.config import IndexOptions, SaliencyOptions
from auxseg.datasets.index_file import read_index
from auxseg.errors import UserError
from auxseg.stages import index, masks, saliency
from auxseg.store import Header, MapReader, MapWriter, Shard, file_digest, read_table
from tests.unit.stages.folder_index import add_row, make_index, options_of


def test_index_and_masks_hold_the_data_set(my_photos, tmp_path):
    found = make_index(my_photos, tmp_path / "out")

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
    make_index(my_photos, tmp_path / "out")

    attributes, _ = read_table(tmp_path / "out" / "index.h5", "index")
    assert json.loads(attributes["inputs"]) == {}
    with MapReader(tmp_path / "out" / "masks.h5") as maps:
        inputs = json.loads(maps.attributes["inputs"])
    assert inputs == {"index": file_digest(tmp_path / "out" / "index.h5")}


def test_a_project_can_be_moved_with_its_photographs(my_photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_index(Path("my-photos"), Path("results"))

    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("my-photos", "results"):
        (tmp_path / name).rename(moved / name)

    entry = read_index(moved / "results/index.h5").entries[0]
    assert entry.image == moved / "my-photos/images/tom.jpg"
    assert entry.photograph().shape == (4, 6, 3)


def test_the_index_of_other_photographs_of_the_same_names_and_sizes_is_another(my_photos, tmp_path):
    make_index(my_photos, tmp_path / "out")
    first = file_digest(tmp_path / "out/index.h5")

    Image.new("RGB", (6, 4), (1, 2, 3)).save(my_photos / "images" / "tom.jpg")
    make_index(my_photos, tmp_path / "out")

    assert file_digest(tmp_path / "out/index.h5") != first


def test_the_classes_are_told_with_how_many_photographs_show_each(my_photos, tmp_path, capsys):
    (my_photos / "masks" / "rex.png").unlink()

    make_index(my_photos, tmp_path / "out")

    assert (
        "2 classes, with the photographs that show each: 1 cat (1 train, 1 val); "
        "2 dog (1 train, 1 val)\n2 of 3 photographs have a true mask\n"
    ) in capsys.readouterr().err


def test_images_without_masks_are_indexed_too(my_photos, tmp_path):
    for name in ("tom", "rex", "both"):
        (my_photos / "masks" / f"{name}.png").unlink()

    assert len(make_index(my_photos, tmp_path / "out").entries) == 3
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

    found = make_index(my_photos, tmp_path / "out")

    assert [e.id for e in found.entries[3:]] == list(images)
    assert {(e.height, e.width) for e in found.entries[3:]} == {(3, 5)}


def test_parts_of_an_interrupted_run_are_not_trusted(my_photos, tmp_path):
    make_index(my_photos, tmp_path / "out")
    written = tmp_path / "out" / "masks.h5"
    with MapReader(written) as reader:
        text, inputs = reader.attributes["options"], json.loads(reader.attributes["inputs"])
    interrupted = MapWriter(written, Header("masks", text, inputs), maps_per_part=1)
    interrupted.put("tom", np.zeros((4, 6), dtype=np.uint8))

    make_index(my_photos, tmp_path / "out")

    with MapReader(written) as reader:
        assert reader.read("tom").tolist() == [[1] * 6] * 4


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


def test_shards_of_other_photographs_are_refused(my_photos, tmp_path):
    call = partial(index.run, options_of(my_photos))
    for number in (1, 2):
        call(index=tmp_path / f"shards/{number}_of_2/index.h5", shard=Shard(number, 2))
    shutil.copy(my_photos / "images/rex.jpg", my_photos / "images/max.jpg")
    add_row(my_photos, "max.jpg,dog,train")

    with pytest.raises(UserError, match=r"2_of_2/index\.h5: a shard made with other options or ph"):
        call(index=tmp_path / "index.h5", shard=Shard(None, 2))
