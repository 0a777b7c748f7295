import numpy as np
import pytest

from auxseg.ops.own_segmentation import most_probable, share_with_saliency

# Background and two classes at four pixels.
PROBABILITIES = np.array(
    [[[0.8, 0.5, 0.1, 1.0]], [[0.1, 0.2, 0.9, 0.0]], [[0.1, 0.3, 0.0, 0.0]]], dtype=np.float32
)


def test_saliency_has_its_share_in_the_background_and_none_in_the_choice_of_class():
    saliency = np.array([[1.0, 0.5, 0.0, 0.0]], dtype=np.float32)

    shared = share_with_saliency(PROBABILITIES, saliency, 0.25)

    assert shared.dtype == np.float32
    assert np.allclose(shared.sum(axis=0), 1)
    assert np.allclose(shared[0, 0], [0.6, 0.5, 0.325, 1.0])
    assert np.isclose(shared[1, 0, 1] / shared[2, 0, 1], 2 / 3, atol=1e-4)


@pytest.mark.parametrize(("share", "background"), [(0.0, 0.8), (1.0, 0.3)])
def test_no_share_leaves_the_network_alone_and_the_whole_share_leaves_saliency(share, background):
    shared = share_with_saliency(PROBABILITIES, np.full((1, 4), 0.7), share)

    assert np.isclose(shared[0, 0, 0], background)


def test_where_the_network_sees_background_alone_saliency_is_split_evenly():
    shared = share_with_saliency(PROBABILITIES, np.ones((1, 4)), 0.5)

    assert np.allclose(shared[:, 0, 3], [0.5, 0.25, 0.25])


def test_the_most_probable_of_the_images_own_classes_is_the_label():
    labels = most_probable(PROBABILITIES, np.array([2, 4]), 0.0)

    assert labels.dtype == np.uint8
    assert labels.tolist() == [[0, 0, 3, 0]]


def test_a_label_below_the_least_confidence_is_ignored():
    labels = most_probable(PROBABILITIES, np.array([2, 4]), 0.8)

    assert labels.tolist() == [[0, 255, 3, 0]]
