"""What becomes of the network's maps, image by image: where a sharper map takes another's place.

The sharpening here turns a map round, which no CRF does: what was sharpened shows.
"""

import numpy as np

from auxseg.datasets.record import IGNORE
from auxseg.ops.postprocess import label_by_cam, label_by_segmentation, segment_image

IMAGE = np.zeros((1, 4, 3), dtype=np.uint8)
CLASSES = np.array([2])
SALIENCY = np.array([[0.9, 0.1, 0.9, 0.1]], dtype=np.float32)


def turned(_: np.ndarray, maps: np.ndarray) -> np.ndarray:
    return 1 - maps


def test_the_sharpened_saliency_is_kept_and_is_what_the_cam_is_fused_with():
    cam = np.array([[[0.9, 0.9, 0.1, 0.1]]], dtype=np.float32)
    thresholds = {"cam_threshold": 0.5, "saliency_threshold": 0.5}

    plain, kept = label_by_cam(IMAGE, cam, CLASSES, SALIENCY, sharpen=None, **thresholds)
    label, sharper = label_by_cam(IMAGE, cam, CLASSES, SALIENCY, sharpen=turned, **thresholds)

    assert plain.tolist() == [[3, IGNORE, IGNORE, 0]]
    assert label.tolist() == [[IGNORE, 3, 0, IGNORE]]
    assert (kept.tolist(), sharper.tolist()) == ([[230, 26, 230, 26]], [[26, 230, 26, 230]])


def test_sharpened_probabilities_are_what_a_segmentation_is_labelled_by():
    probabilities = np.array([[[0.8, 0.2, 0.8, 0.2]], [[0.2, 0.8, 0.2, 0.8]]], dtype=np.float32)
    shares = {"saliency_share": 0.0, "min_confidence": 0.0}

    label, saliency = label_by_segmentation(
        IMAGE, probabilities, CLASSES, SALIENCY, sharpen_labels=turned, sharpen=None, **shares
    )

    assert label.tolist() == [[3, 0, 3, 0]]
    assert saliency.tolist() == [[230, 26, 230, 26]]


def test_the_last_variant_of_a_prediction_is_the_sharpened_one():
    plain = np.array([[[0, 5, 0, 5]]], dtype=np.uint8)
    probabilities = np.array([[[0.8, 0.2, 0.8, 0.2]], [[0.2, 0.8, 0.2, 0.8]]], dtype=np.float32)
    labels = np.array([0, 5], dtype=np.uint8)

    planes = segment_image(IMAGE, plain, probabilities, labels, turned)

    assert planes.tolist() == [[[0, 5, 0, 5]], [[5, 0, 5, 0]]]
    assert segment_image(IMAGE, plain, probabilities, labels, None) is plain
