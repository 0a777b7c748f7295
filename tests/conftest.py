"""Data that several tests share: real photographs where they are at hand, generated ones always."""

import os
from pathlib import Path

import pytest
from PIL import Image

from auxseg.config import IndexOptions, SaliencyOptions
from auxseg.stages import index, masks, saliency

SHARED = Path(os.environ.get("AUXSEG_TEST_DATA", Path(__file__).parents[2] / "shared"))


def _shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs the photographs of {name} in {SHARED}; AUXSEG_TEST_DATA names another")
    return folder


@pytest.fixture(scope="session")
def voc_animals() -> Path:
    return _shared("voc-animals")


@pytest.fixture(scope="session")
def coco_tiny() -> Path:
    return _shared("coco-tiny")


@pytest.fixture(scope="session")
def tiny_options(tmp_path_factory: pytest.TempPathFactory) -> IndexOptions:
    """Twelve generated training images and six evaluation ones, two a class and one a class."""
    shapes = {"root": str(tmp_path_factory.mktemp("data")), "train": 12, "val": 6}
    sizes = {"min_size": 48, "max_size": 64}
    return IndexOptions.model_validate({"dataset": "shapes", "shapes": {**shapes, **sizes}})


@pytest.fixture(scope="session")
def tiny_run(tiny_options: IndexOptions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with index.h5, masks.h5 and saliency.h5 of the tiny data set; read only."""
    folder = tmp_path_factory.mktemp("run")
    index.run(tiny_options, index=folder / "index.h5")
    masks.run(tiny_options, index=folder / "index.h5", masks=folder / "masks.h5")
    saliency.run(
        SaliencyOptions(),
        index=folder / "index.h5",
        saliency=folder / "saliency.h5",
    )
    return folder


@pytest.fixture
def my_photos(tmp_path: Path) -> Path:
    """Three photographs, 6 x 4 pixels, of cats (1) and dogs (2) with masks, for a test to spoil."""
    root = tmp_path / "my-photos"
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for name, value in (("tom", 1), ("rex", 2), ("both", 255)):
        Image.new("RGB", (6, 4), (200, 60 * (value % 3), 9)).save(root / "images" / f"{name}.jpg")
        Image.new("L", (6, 4), value).save(root / "masks" / f"{name}.png")
    lines = ["image,labels,split", "tom.jpg,cat,train", "rex.jpg,dog,train", "both.jpg,cat dog,val"]
    (root / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root
