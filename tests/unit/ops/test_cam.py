import numpy as np

from auxseg.ops.cam import normalise_cam


def test_each_class_is_divided_by_its_own_maximum():
    cam = np.array([[[1.0, 2.0]], [[10.0, 40.0]]], dtype=np.float32)

    normalised = normalise_cam(cam)

    assert np.allclose(normalised, [[[0.5, 1.0]], [[0.25, 1.0]]], atol=1e-5)
    assert normalised.max() < 1


def test_negative_activation_becomes_zero_and_an_empty_map_stays_zero():
    cam = np.array([[[-3.0, 0.0]]], dtype=np.float32)

    assert np.array_equal(normalise_cam(cam), np.zeros((1, 1, 2), dtype=np.float32))
