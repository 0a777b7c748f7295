"""Data that several tests share: real photographs where they are at hand, generated ones always."""

from pathlib import Path

import pytest

from auxseg.config import IndexOptions, SaliencyOptions
from auxseg.stages import index, saliency
from auxseg.stages.runtime import Runtime

SHARED = Path(__file__).parents[1].parent / "shared"


def _shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs the photographs of {name} in {SHARED}")
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
    index.run(tiny_options, index=folder / "index.h5", masks=folder / "masks.h5", runtime=Runtime())
    saliency.run(
        SaliencyOptions(),
        index=folder / "index.h5",
        saliency=folder / "saliency.h5",
        runtime=Runtime(),
    )
    return folder
