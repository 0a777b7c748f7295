import numpy as np
import pytest

from auxseg.ops.saliency_measures import SaliencyMeasures


def truth() -> np.ndarray:
    mask = np.zeros((20, 20), dtype=np.uint8)
    mask[5:15, 5:15] = 3
    return mask


def test_a_perfect_map_has_no_error():
    measures = SaliencyMeasures()

    measures.add(truth(), (truth() > 0).astype(np.uint8) * 255)

    values = measures.values()
    assert values["mae"] == pytest.approx(0)
    assert values["max_f"] == pytest.approx(1)
    assert values["s_measure"] == pytest.approx(1, abs=1e-3)
    assert values["iou"] == 1


def test_half_the_object_found_is_half_the_iou_and_an_eighth_of_the_pixels_wrong():
    found = np.zeros((20, 20), dtype=np.uint8)
    found[5:10, 5:15] = 255
    measures = SaliencyMeasures()

    measures.add(truth(), found)

    assert measures.values()["iou"] == 0.5
    assert measures.values()["mae"] == pytest.approx(50 / 400)


def test_pixels_of_unknown_truth_neither_help_nor_harm():
    mask = truth()
    mask[:, :5] = 255
    found = (truth() > 0).astype(np.uint8) * 255
    found[:10, :5] = 255
    measures = SaliencyMeasures()

    measures.add(mask, found)

    assert measures.values()["mae"] == pytest.approx(0)
