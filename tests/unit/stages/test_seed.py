from pathlib import Path

import numpy as np

from auxseg.config import SeedOptions
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


def labels(folder: Path, **options) -> np.ndarray:
    cam, saliency = artifacts(folder)
    seed.run(SeedOptions(**options), cam=cam, saliency=saliency, labels=folder / "labels.h5")
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
