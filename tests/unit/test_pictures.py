from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from auxseg.errors import UserError
from auxseg.images import read_mask
from auxseg.pictures import export_pictures
from auxseg.store import Header, MapWriter

LABELS = np.array([[0, 1], [2, 255]], dtype=np.uint8)


def write(path: Path, kind: str, maps: dict[str, np.ndarray], **extra) -> Path:
    with MapWriter(path, Header(kind, extra=extra)) as writer:
        for image_id, values in maps.items():
            writer.put(image_id, values)
    return path


def test_labels_become_masks_that_can_be_read_again(tmp_path):
    path = write(tmp_path / "labels.h5", "labels", {"zoo/a": LABELS, "b": LABELS.T})

    told = export_pictures(path, tmp_path / "out")

    assert told == f"{tmp_path}/out: 2 pictures"
    assert np.array_equal(read_mask(tmp_path / "out/zoo/a.png"), LABELS)
    assert np.array_equal(read_mask(tmp_path / "out/b.png"), LABELS.T)
    assert Image.open(tmp_path / "out/b.png").mode == "P"


@pytest.mark.parametrize(
    ("variant", "expected"), [(None, LABELS), ("multiscale", LABELS), ("single", LABELS * 0)]
)
def test_of_predictions_one_variant_is_written(tmp_path, variant, expected):
    planes = {"a": np.stack([LABELS * 0, LABELS])}
    path = write(tmp_path / "p.h5", "predictions", planes, variants=["single", "multiscale"])

    export_pictures(path, tmp_path / "out", variant)

    assert np.array_equal(read_mask(tmp_path / "out/a.png"), expected)


def test_saliency_becomes_grey(tmp_path):
    path = write(tmp_path / "s.h5", "saliency", {"a": LABELS})

    export_pictures(path, tmp_path / "out")

    assert Image.open(tmp_path / "out/a.png").mode == "L"


def test_an_unknown_variant_names_those_that_there_are(tmp_path):
    planes = {"a": np.stack([LABELS, LABELS])}
    path = write(tmp_path / "p.h5", "predictions", planes, variants=["single", "multiscale"])

    with pytest.raises(UserError, match="no variant 'crf'; it has single, multiscale"):
        export_pictures(path, tmp_path / "out", "crf")


def test_cams_are_no_pictures_for_other_programs(tmp_path):
    path = write(tmp_path / "cam.h5", "cam", {"a": LABELS[None].astype(np.float16)})

    with pytest.raises(UserError, match="holds 'cam'"):
        export_pictures(path, tmp_path / "out")


@pytest.mark.parametrize("image_id", ["../../evil", "/tmp/evil"])
def test_a_foreign_artifact_cannot_write_elsewhere(tmp_path, image_id):
    path = write(tmp_path / "labels.h5", "labels", {image_id: LABELS})

    with pytest.raises(UserError, match="would be written outside"):
        export_pictures(path, tmp_path / "deep/out")

    assert not list(tmp_path.rglob("evil*"))


def test_an_export_replaces_pictures_of_exports_and_nothing_else(tmp_path):
    labels = np.zeros((4, 5), np.uint8)
    with MapWriter(tmp_path / "labels.h5", Header("labels")) as writer:
        writer.put("a", labels)
        writer.put("b", labels)
    folder = tmp_path / "masks"
    export_pictures(tmp_path / "labels.h5", folder)
    export_pictures(tmp_path / "labels.h5", folder)
    exported = Image.open(folder / "b.png")
    exported.load()
    exported.putpixel((1, 1), 1)  # as an editor that keeps what else the file says
    kept = PngInfo()
    kept.add_text("auxseg-export", exported.info["auxseg-export"])
    exported.save(folder / "b.png", pnginfo=kept)
    before = (folder / "b.png").read_bytes()

    with pytest.raises(UserError, match=r"b\.png: is there already and no picture of an export"):
        export_pictures(tmp_path / "labels.h5", folder)

    assert (folder / "b.png").read_bytes() == before
