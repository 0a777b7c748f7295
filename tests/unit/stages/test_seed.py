from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from auxseg.config import SeedOptions
from auxseg.datasets.index_file import Entry, Index, write_index
from auxseg.errors import UserError
from auxseg.stages import seed
from auxseg.store import Header, MapReader, MapWriter


def artifacts(folder: Path) -> tuple[Path, Path]:
    """One image of 8 x 8: class 4 fills the left half of the CAM, saliency the upper half."""
    with MapWriter(folder / "cam.h5", Header("cam")) as writer:
        cam = np.zeros((2, 2, 2), dtype=np.float16)
        cam[1, :, 0] = 1.0
        writer.put("a", cam, classes=np.array([1, 4]))
    with MapWriter(folder / "saliency.h5", Header("saliency")) as writer:
        saliency = np.zeros((8, 8), dtype=np.uint8)
        saliency[:4] = 255
        writer.put("a", saliency)
    return folder / "cam.h5", folder / "saliency.h5"


def index(folder: Path) -> Path:
    """One image "a" of 8 x 8 that shows classes 1 and 4 of five."""
    Image.new("RGB", (8, 8)).save(folder / "a.png")
    shown = np.isin(np.arange(5), (1, 4))
    entry = Entry("a", "train", folder / "a.png", 8, 8, shown, None)
    table = Index(tuple("vwxyz"), ((0, 0, 0),) * 6, (entry,))
    write_index(folder / "index.h5", Header("index"), table)
    return folder / "index.h5"


def labels(folder: Path, **options) -> np.ndarray:
    cam, saliency = artifacts(folder)
    seed.run(
        SeedOptions(**options),
        index=index(folder),
        cam=cam,
        saliency=saliency if options.get("use_saliency", True) else None,
        labels=folder / "labels.h5",
    )
    with MapReader(folder / "labels.h5", "labels") as reader:
        return reader.read("a")


def test_cam_and_saliency_are_fused_at_the_images_size(tmp_path):
    found = labels(tmp_path, cam_threshold=0.5)

    assert (found[:4, :4] == 5).all()
    assert (found[:4, 4:] == 255).all()
    assert (found[4:, :4] == 255).all()
    assert (found[4:, 4:] == 0).all()


def test_without_saliency_the_cam_alone_decides(tmp_path):
    found = labels(tmp_path, cam_threshold=0.5, use_saliency=False)

    assert (found[:, :4] == 5).all()
    assert (found[:, 4:] == 0).all()


def test_saliency_must_be_given_where_it_is_used(tmp_path):
    cam, _ = artifacts(tmp_path)

    with pytest.raises(UserError, match="seed needs --saliency, unless"):
        seed.run(SeedOptions(), index=index(tmp_path), cam=cam, labels=tmp_path / "labels.h5")


def by_another_method(folder: Path, values: np.ndarray) -> np.ndarray:
    (folder / "theirs").mkdir()
    Image.fromarray(values.astype(np.uint8)).save(folder / "theirs/a.png")
    options = SeedOptions(labels=str(folder / "theirs"))
    seed.run(options, index=index(folder), labels=folder / "labels.h5")
    with MapReader(folder / "labels.h5", "labels") as reader:
        return reader.read("a")


def test_labels_of_another_method_are_taken_as_they_are(tmp_path):
    values = np.full((8, 8), 255)
    values[:4], values[4] = 5, 0

    assert np.array_equal(by_another_method(tmp_path, values), values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.full((8, 8), 6), r"a\.png: value 6 is no class; allowed are 0 .*, 1 to 5 and 255"),
        (np.zeros((8, 9)), r"a\.png: 9 x 8 pixels, but image 'a' has 8 x 8"),
    ],
)
def test_labels_of_another_method_that_cannot_be_are_refused(tmp_path, values, sentence):
    with pytest.raises(UserError, match=sentence):
        by_another_method(tmp_path, values)

    assert not (tmp_path / "labels.h5").exists()


def test_images_that_the_other_method_left_out_are_listed(tmp_path):
    (tmp_path / "theirs").mkdir()
    options = SeedOptions(labels=str(tmp_path / "theirs"))

    with pytest.raises(UserError, match="1 fault\n  - no pseudo label for image 'a'"):
        seed.run(options, index=index(tmp_path), labels=tmp_path / "labels.h5")


def test_without_labels_a_cam_is_needed(tmp_path):
    with pytest.raises(UserError, match="seed needs --cam, unless"):
        seed.run(SeedOptions(), index=index(tmp_path), labels=tmp_path / "labels.h5")
