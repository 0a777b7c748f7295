import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from safetensors.numpy import save_file

from auxseg.cli import cli
from auxseg.datasets.index_file import Entry, Index, write_index
from auxseg.description import description_metadata
from auxseg.errors import UserError
from auxseg.inspect import describe, write_picture
from auxseg.store import Header, MapWriter, file_digest

LABELS = np.array([[0, 1, 1, 255], [0, 0, 1, 255]], dtype=np.uint8)


def write_maps(
    path: Path, kind: str, maps: dict[str, np.ndarray], index: Path | None = None, **extra
) -> Path:
    options = json.dumps({"cam_threshold": 0.2})
    inputs = {"cam": "abcdef" * 10} | ({"index": file_digest(index)} if index else {})
    with MapWriter(path, Header(kind, options, inputs, extra)) as writer:
        for image_id, values in maps.items():
            writer.put(image_id, values)
    return path


def write_small_index(path: Path) -> Path:
    entry = Entry("2007_1", "train", Path("a.jpg"), 2, 4, np.array([True, False]), None)
    index = Index(("cat", "dog"), ((0, 0, 0), (9, 8, 7), (1, 2, 3)), (entry,))
    write_index(path, Header("index"), index)
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    maps = {"2007_1": LABELS, "2007_2": LABELS, "dir/ü": LABELS}
    return write_maps(tmp_path / "round0" / "labels.h5", "labels", maps)


def test_an_artifact_tells_kind_options_inputs_and_number_of_maps(labels):
    lines = [line.split() for line in describe(labels).splitlines()]
    assert ["kind", "labels,", "format", "2"] in lines
    assert ["cam_threshold:", "0.2"] in lines
    assert ["input", "cam", "digest", "abcdefabcdef"] in lines
    assert ["maps", "3"] in lines
    assert ["2007_1", "(2,", "4)", "uint8"] in lines


def test_ids_are_listed_up_to_the_limit(labels):
    text = describe(labels, limit=2)
    assert "ids (2 of 3)" in text
    assert "2007_2" in text
    assert "dir/ü" not in text


@pytest.mark.parametrize("place", ["labels.h5", "round0/labels.h5", "ablation/seg/0/round0/l.h5"])
def test_one_id_of_labels_tells_the_share_of_each_class_by_name(tmp_path, place):
    index = write_small_index(tmp_path / "index.h5")
    labels = write_maps(tmp_path / place, "labels", {"dir/ü": LABELS}, index)

    lines = [line.split() for line in describe(labels, "dir/ü").splitlines()]
    assert lines[-3:] == [
        ["0", "background", "37.50", "%"],
        ["1", "cat", "37.50", "%"],
        ["255", "ignored", "25.00", "%"],
    ]


def test_one_id_of_saliency_tells_its_range(tmp_path):
    values = np.array([[0, 100], [50, 250]], dtype=np.uint8)
    path = write_maps(tmp_path / "saliency.h5", "saliency", {"a": values})
    assert describe(path, "a").splitlines()[-1].split("values")[1].strip() == (
        "min 0, mean 100, max 250"
    )


def test_predictions_tell_shares_variant_by_variant(tmp_path):
    planes = np.stack([np.zeros((2, 2), np.uint8), np.ones((2, 2), np.uint8)])
    path = write_maps(
        tmp_path / "p.h5", "predictions", {"a": planes}, variants=["single", "multiscale"]
    )
    lines = [line.split() for line in describe(path, "a").splitlines()]
    assert lines[-4:] == [
        ["single"],
        ["0", "background", "100.00", "%"],
        ["multiscale"],
        ["1", "100.00", "%"],
    ]


def test_an_index_tells_its_rows_and_one_of_them(tmp_path):
    path = write_small_index(tmp_path / "index.h5")
    assert "rows              1" in describe(path)
    assert describe(path, "2007_1").splitlines()[-3:] == [
        "  split             train",
        f"  image             {Path('a.jpg').resolve()}, 4 x 2 pixels",
        "  classes           cat",
    ]


def test_an_artifact_without_maps_is_described(tmp_path):
    text = describe(write_maps(tmp_path / "masks.h5", "masks", {}))
    assert "ids (0 of 0)" in text


def test_an_unknown_id_is_answered_with_the_nearest(labels):
    with pytest.raises(UserError, match=r"no image '2007_3' \(did you mean '2007_[12]'\?\)"):
        describe(labels, "2007_3")


def test_an_id_unlike_any_other_gets_no_suggestion(labels):
    with pytest.raises(UserError, match=r"no image 'zebra'; `auxseg inspect"):
        describe(labels, "zebra")


def test_a_file_that_is_no_artifact_is_named(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"no")
    with pytest.raises(UserError, match=r"x\.h5: not an HDF5 file"):
        describe(tmp_path / "x.h5")
    with pytest.raises(UserError, match=r"y\.h5: no such artifact"):
        describe(tmp_path / "y.h5")


def test_a_picture_of_labels_holds_class_indices_in_the_voc_palette(labels, tmp_path):
    write_picture(labels, "2007_1", tmp_path / "out.png")
    image = Image.open(tmp_path / "out.png")
    assert np.array_equal(np.asarray(image), LABELS)
    assert image.convert("RGB").getpixel((1, 0)) == (128, 0, 0)
    assert image.convert("RGB").getpixel((3, 0)) == (224, 224, 192)


def test_a_picture_takes_the_palette_of_the_runs_index(tmp_path):
    index = write_small_index(tmp_path / "index.h5")
    labels = write_maps(tmp_path / "round0/labels.h5", "labels", {"a": LABELS}, index)

    write_picture(labels, "a", tmp_path / "out.png")

    assert Image.open(tmp_path / "out.png").convert("RGB").getpixel((1, 0)) == (9, 8, 7)


def test_an_index_that_cannot_be_read_is_left_aside(labels, tmp_path, monkeypatch):
    write_small_index(tmp_path / "index.h5")
    read = h5py.File

    def refused(path, *arguments, **options):
        if Path(path).name == "index.h5":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, *arguments, **options)

    monkeypatch.setattr(h5py, "File", refused)

    assert "background" in describe(labels, "dir/ü")


@pytest.mark.parametrize("theirs", [b"something else", None])
def test_an_index_that_labels_were_not_made_with_is_left_aside(labels, tmp_path, theirs):
    path = write_small_index(tmp_path / "index.h5")
    if theirs is not None:
        path.write_bytes(theirs)

    write_picture(labels, "dir/ü", tmp_path / "out.png")

    vocs = (128, 0, 0)
    assert Image.open(tmp_path / "out.png").convert("RGB").getpixel((1, 0)) == vocs


def test_photographs_that_are_packed_have_no_picture(tmp_path):
    packed = write_maps(tmp_path / "images.h5", "images", {"a": np.zeros(9, np.uint8)})

    with pytest.raises(UserError, match="no picture is known of 'images'"):
        write_picture(packed, "a", tmp_path / "out.png")


def test_pictures_of_several_planes_stand_side_by_side(tmp_path):
    predictions = np.stack([LABELS, LABELS[::-1]])
    path = write_maps(tmp_path / "p.h5", "predictions", {"a": predictions})
    write_picture(path, "a", tmp_path / "out.png")
    assert np.array_equal(
        np.asarray(Image.open(tmp_path / "out.png")), np.hstack([LABELS, LABELS[::-1]])
    )


def test_a_picture_of_saliency_is_the_map_in_grey(tmp_path):
    values = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    path = write_maps(tmp_path / "s.h5", "saliency", {"a": values})
    write_picture(path, "a", tmp_path / "out.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), values)


def test_a_picture_of_cams_is_dark_where_cold_and_light_where_hot(tmp_path):
    cam = np.array([[[0.0, 1.0]]], dtype=np.float16)
    path = write_maps(tmp_path / "cam.h5", "cam", {"a": cam})
    write_picture(path, "a", tmp_path / "out.png")
    cold, hot = np.asarray(Image.open(tmp_path / "out.png"))[0].sum(axis=1)
    assert cold < 20
    assert hot > 600


def test_an_index_has_no_picture(tmp_path):
    path = write_small_index(tmp_path / "index.h5")
    with pytest.raises(UserError, match="a table has no pictures"):
        write_picture(path, "2007_1", tmp_path / "out.png")


def test_a_picture_must_be_a_png(labels, tmp_path):
    with pytest.raises(UserError, match=r"ends in \.png"):
        write_picture(labels, "2007_1", tmp_path / "out.jpg")


def test_the_command_prints_the_description_and_writes_the_picture(labels, tmp_path):
    picture = tmp_path / "out.png"
    arguments = ["inspect", str(labels), "--id", "2007_1", "--picture", str(picture)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0
    assert result.output == f"{describe(labels, '2007_1')}\nwrote {picture}\n"
    assert picture.exists()


def test_a_picture_makes_no_folder(labels, tmp_path):
    with pytest.raises(UserError, match=r"there is no folder .*/nope; make it first"):
        write_picture(labels, "2007_1", tmp_path / "nope" / "out.png")


def test_weights_tell_what_they_learnt(tmp_path):
    path = tmp_path / "weights.safetensors"
    about = {
        "kind": "network",
        "classes": ["cat"],
        "palette": [[0, 0, 0], [9, 9, 9]],
        "longest_side": 64,
        "model": {"backbone": "test_efficientnet"},
        "round": 2,
        "inputs": {"labels": "abcdef012345678"},
    }
    save_file({"x": np.zeros(1)}, path, description_metadata(about))

    lines = [line.split() for line in describe(path).splitlines()]

    assert ["kind", "weights", "of", "a", "network"] in lines
    assert ["input", "labels", "digest", "abcdef012345"] in lines
    assert ["round:", "2"] in lines


def test_a_file_that_is_no_artifact_is_not_called_damaged(tmp_path):
    (tmp_path / "metrics.csv").write_text("a,b")

    with pytest.raises(UserError, match=r"metrics\.csv: inspect reads artifacts \(\.h5\)"):
        describe(tmp_path / "metrics.csv")


def test_the_command_wants_an_id_for_a_picture(labels, tmp_path):
    result = CliRunner().invoke(cli, ["inspect", str(labels), "--picture", str(tmp_path / "o.png")])
    assert isinstance(result.exception, UserError)
    assert "--picture needs --id" in str(result.exception)


def test_damage_in_an_index_is_told_as_such(tmp_path):
    index = write_small_index(tmp_path / "index.h5")
    content = index.read_bytes()
    place = content.index(b"2007_1")
    index.write_bytes(content[:place] + b"2008" + content[place + 4 :])

    with pytest.raises(UserError, match=r"index\.h5: .*damaged"):
        describe(index)


def test_a_folder_is_not_called_damaged(tmp_path):
    with pytest.raises(UserError, match=r": a folder; name an artifact in it\.$"):
        describe(tmp_path)
