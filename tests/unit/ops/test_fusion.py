import numpy as np

from auxseg.ops.fusion import fuse

CAM = np.array([[[0.9, 0.1, 0.9, 0.1]], [[0.3, 0.1, 0.95, 0.1]]], dtype=np.float32)
CLASSES = np.array([2, 4])
THRESHOLDS = {"cam_threshold": 0.2, "saliency_threshold": 0.06}


def test_agreement_gives_class_or_background_and_disagreement_is_ignored():
    saliency = np.array([[0.5, 0.0, 0.0, 0.5]], dtype=np.float32)

    labels = fuse(CAM, CLASSES, saliency, **THRESHOLDS)

    assert labels.dtype == np.uint8
    assert labels.tolist() == [[3, 0, 255, 255]]


def test_the_class_of_the_largest_cam_wins():
    saliency = np.ones((1, 4), dtype=np.float32)

    assert fuse(CAM, CLASSES, saliency, **THRESHOLDS)[0, [0, 2]].tolist() == [3, 5]


def test_a_value_at_its_threshold_is_not_foreground():
    cam = np.full((1, 1, 1), 0.2)

    label = fuse(cam, np.array([0]), np.full((1, 1), 0.06), **THRESHOLDS)

    assert label.tolist() == [[0]]


def test_without_saliency_the_cam_decides_alone_and_nothing_is_ignored():
    assert fuse(CAM, CLASSES, None, **THRESHOLDS).tolist() == [[3, 0, 5, 0]]
