"""Networks used on single photographs, as programs do."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from auxseg.config import PredictOptions
from auxseg.nn.network import normalise
from auxseg.nn.weights import load_network
from auxseg.segmenter import load_segmenter
from tests.unit.small_network import noise, photograph, tensor


def test_a_photograph_is_labelled_with_the_most_probable_class_of_the_refined_segmentation(
    small_network,
):
    network, _ = load_network(small_network)
    with torch.no_grad():
        logits = network(normalise(tensor(noise()), network.backbone)).refined_segmentation
    enlarged = F.interpolate(logits, size=(56, 72), mode="bilinear", align_corners=False)

    expected = enlarged.softmax(dim=1).argmax(dim=1)[0].numpy()
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(load_segmenter(small_network)(np.asarray(noise())), expected)


def test_the_network_sees_a_larger_photograph_at_the_size_it_learnt_on(small_network):
    image = np.asarray(noise((320, 160)))

    small, probabilities = load_segmenter(small_network).probabilities(image)

    assert small.shape == (40, 80, 3)
    assert probabilities.shape == (4, 40, 80)
    assert load_segmenter(small_network)(image).shape == (160, 320)
    assert load_segmenter(small_network, longest_side=160).probabilities(image)[0].shape == (
        80,
        160,
        3,
    )


def test_scales_mirror_images_and_the_crf_are_used_where_asked_for(small_network):
    image = np.asarray(noise())
    options = PredictOptions(scales=(1.0, 1.5))

    plain = load_segmenter(small_network, options)
    averaged = load_segmenter(small_network, options, multiscale=True)
    sharpened = load_segmenter(small_network, options, use_crf=True)

    maps = averaged.probabilities(image)[1]
    mirrored = averaged.probabilities(image[:, ::-1])[1][..., ::-1]
    np.testing.assert_allclose(maps, mirrored, atol=1e-5)
    assert np.abs(plain.probabilities(image)[1] - maps).max() > 1e-3
    assert (sharpened(image) != plain(image)).any()


def test_the_readmes_python_segments_a_photograph(small_network, tmp_path, monkeypatch):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    code = next(part for part in readme.split("```python\n") if "load_segmenter" in part)
    photograph(tmp_path / "photo.jpg")
    (tmp_path / "results/pets/round1").mkdir(parents=True)
    (tmp_path / "results/pets/round1/weights.safetensors").symlink_to(small_network)
    monkeypatch.chdir(tmp_path)

    *statements, last = code.split("```")[0].strip().splitlines()
    names: dict = {}
    exec("\n".join(statements), names)

    label = eval(last, names)
    assert (label.shape, label.dtype) == ((56, 72), np.uint8)
