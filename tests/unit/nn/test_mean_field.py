"""torch's dense CRF beside pydensecrf's, on real photographs and generated ones."""

from functools import partial

import cv2
import numpy as np
import pytest
import torch

from auxseg.errors import UserError
from auxseg.images import read_image
from auxseg.nn import mean_field
from auxseg.ops import crf
from auxseg.ops.kernels import Kernels

SALIENCY = Kernels(1, 3, 3, 60, 5, 5)
SEGMENTATION = Kernels(10, 4, 3, 83, 5, 3)
ON_CPU = partial(mean_field.marginals, device=torch.device("cpu"), key="predict.crf")


def smooth_probabilities(labels: int, height: int, width: int, seed: int) -> np.ndarray:
    """(labels, height, width) float32 that vary slowly."""
    coarse = np.random.default_rng(seed).normal(size=(labels, 6, 8)).astype(np.float32) * 2
    logits = np.stack([cv2.resize(plane, (width, height)) for plane in coarse])
    return (np.exp(logits) / np.exp(logits).sum(axis=0)).astype(np.float32)


@pytest.mark.parametrize("kernels", [SALIENCY, SEGMENTATION], ids=["saliency", "segmentation"])
@pytest.mark.parametrize("labels", [2, 5])
def test_marginals_are_those_of_pydensecrf(kernels, labels):
    image = np.random.default_rng(2).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = cv2.resize(image, (70, 50))
    probabilities = smooth_probabilities(labels, 50, 70, seed=1)

    theirs = crf.refine_segmentation(image, probabilities, kernels)
    ours = crf.refine_segmentation(image, probabilities, kernels, infer=ON_CPU)

    assert np.abs(theirs - probabilities).max() > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.slow
def test_labels_on_real_photographs_are_those_of_pydensecrf(voc_animals):
    for number, file in enumerate(sorted((voc_animals / "JPEGImages").glob("*.jpg"))[:5]):
        image = read_image(file)
        probabilities = smooth_probabilities(4, *image.shape[:2], seed=number)

        theirs = crf.refine_segmentation(image, probabilities, SEGMENTATION)
        ours = crf.refine_segmentation(image, probabilities, SEGMENTATION, infer=ON_CPU)

        assert (ours.argmax(axis=0) == theirs.argmax(axis=0)).mean() > 0.9999


def test_saliency_is_sharpened_alike():
    image = np.random.default_rng(3).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    saliency = smooth_probabilities(2, 40, 40, seed=4)[1]

    theirs = crf.refine_saliency(image, saliency, SALIENCY, temperature=1.05)
    ours = crf.refine_saliency(image, saliency, SALIENCY, temperature=1.05, infer=ON_CPU)

    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_kernels_too_narrow_for_the_lattice_are_told_by_their_keys():
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    unary = np.zeros((2, 40, 60), dtype=np.float32)

    with pytest.raises(
        UserError, match=r"^predict\.crf: bilateral_sxy and bilateral_srgb: too narrow"
    ):
        ON_CPU(image, unary, Kernels(1, 3, 3, 0.01, 0.01, 5))
