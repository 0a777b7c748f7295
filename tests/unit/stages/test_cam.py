"""Class activation maps of a tiny network on tiny generated photographs."""

import numpy as np
import pytest
import torch

from auxseg.config import CamOptions
from auxseg.datasets.index_file import read_index
from auxseg.errors import UserError
from auxseg.nn.network import normalise
from auxseg.nn.weights import load_classifier
from auxseg.runtime import Runtime
from auxseg.stages import cam
from auxseg.store import MapReader

pytestmark = pytest.mark.slow


def test_cams_are_kept_for_the_present_classes_at_a_quarter_of_the_size(finished):
    entries = read_index(finished / "index.h5").split("train")

    with MapReader(finished / "cam.h5", "cam") as maps:
        for entry in entries:
            values = maps.read(entry.id)
            assert values.dtype == np.float16
            assert values.shape[1:] == (-(-entry.height // 4), -(-entry.width // 4))
            classes = maps.read_with_attributes(entry.id)[1]["classes"]
            assert classes == np.flatnonzero(entry.labels).tolist()
            assert len(values) == len(classes)
            assert 0 <= values.min() <= values.max() <= 1


def test_a_device_that_is_not_there_is_one_sentence(finished, tmp_path):
    with pytest.raises(
        UserError, match=r"--device tpu9, 1 of them: cannot be used here .*; use fewer"
    ):
        cam.run(
            CamOptions(scales=(1.0,)),
            index=finished / "index.h5",
            weights=finished / "classifier/weights.safetensors",
            cam=tmp_path / "cam.h5",
            runtime=Runtime(1, "tpu9"),
        )


def test_cams_are_those_of_the_method(finished):
    """docs/method.md, 4, restated for one photograph, at one scale and mirrored."""
    entry = read_index(finished / "index.h5").split("train")[0]
    classifier, _ = load_classifier(finished / "classifier/weights.safetensors")
    pixels = torch.from_numpy(entry.photograph().transpose(2, 0, 1).copy())[None]
    size = (-(-entry.height // 4), -(-entry.width // 4))
    with torch.inference_mode():
        images = normalise(pixels, classifier.backbone)
        positive = [
            classifier.cam(view)[:, np.flatnonzero(entry.labels)].clamp(min=0)
            for view in (images, images.flip(3))
        ]
        upright, mirrored = (
            torch.nn.functional.interpolate(maps, size=size, mode="bilinear")[0]
            for maps in positive
        )
    mean = ((upright + mirrored.flip(2)) / 2).numpy()
    expected = mean / (mean.max(axis=(1, 2), keepdims=True) + 1e-5)

    with MapReader(finished / "cam.h5") as maps:
        assert np.allclose(maps.read(entry.id), expected, atol=2e-3)
    assert expected.std() > 0.05
