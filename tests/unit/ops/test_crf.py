import math

import numpy as np
import pytest
from pydensecrf.densecrf import DenseCRF2D

from auxseg.ops.crf import labels_that_matter, marginals, refine_saliency, refine_segmentation
from auxseg.ops.kernels import Kernels

SALIENCY = Kernels(
    iterations=5,
    gaussian_sxy=3,
    gaussian_compat=3,
    bilateral_sxy=60,
    bilateral_srgb=5,
    bilateral_compat=5,
)
SEGMENTATION = Kernels(
    iterations=10,
    gaussian_sxy=4,
    gaussian_compat=3,
    bilateral_sxy=83,
    bilateral_srgb=5,
    bilateral_compat=3,
)


def half_red_half_blue(side: int = 40) -> np.ndarray:
    image = np.zeros((side, side, 3), dtype=np.uint8)
    image[:, : side // 2, 0] = 200
    image[:, side // 2 :, 2] = 200
    return image


def test_saliency_spreads_to_the_edge_of_the_colour_and_not_beyond():
    image = half_red_half_blue()
    saliency = np.full((40, 40), 0.2)
    saliency[:, :14] = 0.9  # the object is the red half, 20 columns

    refined = refine_saliency(image, saliency, SALIENCY, temperature=1.05)

    assert refined.shape == (40, 40)
    assert (refined[:, :20] > 0.5).mean() > 0.95
    assert (refined[:, 20:] < 0.5).all()


@pytest.mark.parametrize("temperature", [1.05, 2.0])
def test_the_energy_of_salient_or_not_is_its_logarithm_by_temperature_and_sigmoid(temperature):
    given = []

    def noted(image: np.ndarray, unary: np.ndarray, kernels: Kernels) -> np.ndarray:
        given.append(unary)
        return unary

    refine_saliency(
        np.zeros((1, 2, 3), dtype=np.uint8),
        np.array([[0.2, 0.9]]),
        SALIENCY,
        temperature=temperature,
        infer=noted,
    )

    def energy(p: float) -> float:
        return -math.log(p) / (temperature / (1 + math.exp(-p)))

    expected = [[[energy(0.8), energy(0.1)]], [[energy(0.2), energy(0.9)]]]
    assert np.allclose(given[0], expected, rtol=1e-6)


def test_marginals_of_all_labels_add_up_to_one_and_a_wrong_pixel_is_outvoted():
    image = half_red_half_blue()
    probabilities = np.empty((3, 40, 40), dtype=np.float32)
    probabilities[0], probabilities[1], probabilities[2] = 0.1, 0.8, 0.1
    probabilities[:, :, 20:] = probabilities[[1, 0, 2], :, 20:]
    probabilities[:, 5, 5] = (0.6, 0.3, 0.1)

    refined = refine_segmentation(image, probabilities, SEGMENTATION)

    assert np.allclose(refined.sum(axis=0), 1, atol=1e-4)
    assert (refined.argmax(axis=0)[:, :20] == 1).all()
    assert (refined.argmax(axis=0)[:, 20:] == 0).all()


@pytest.mark.parametrize("labels", [2, 3, 5, 7])
def test_marginals_are_those_of_the_library_for_any_number_of_labels(labels):
    draws = np.random.default_rng(labels)
    image = draws.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    unary = draws.uniform(0, 3, (labels, 30, 40)).astype(np.float32)

    field = DenseCRF2D(40, 30, labels)
    field.setUnaryEnergy(unary.reshape(labels, -1))
    field.addPairwiseGaussian(sxy=4, compat=3)
    field.addPairwiseBilateral(sxy=83, srgb=5, rgbim=image, compat=3)
    expected = np.array(field.inference(10)).reshape(unary.shape)

    found = marginals(image, unary, SEGMENTATION)
    assert found.shape == unary.shape
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_certain_probabilities_of_zero_and_one_stay_finite():
    image = half_red_half_blue(8)
    saliency = np.zeros((8, 8))
    saliency[:, :4] = 1.0

    assert np.isfinite(refine_saliency(image, saliency, SALIENCY, temperature=1.05)).all()


def test_labels_matter_that_win_somewhere_or_are_not_improbable():
    probabilities = np.full((5, 2, 3), 0.01, dtype=np.float32)
    probabilities[1] = 0.9
    probabilities[3, 0, 0] = 0.06
    probabilities[4, 1, 2] = 0.91

    assert labels_that_matter(probabilities).tolist() == [1, 3, 4]


def test_the_most_probable_label_matters_however_improbable():
    probabilities = np.full((90, 2, 2), 1 / 90, dtype=np.float32)
    probabilities[7] += 0.001

    assert labels_that_matter(probabilities).tolist() == [7]


def test_one_label_alone_needs_no_neighbours():
    image = half_red_half_blue(8)

    assert (refine_segmentation(image, np.ones((1, 8, 8)), SEGMENTATION) == 1).all()
