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
    values = values_of(truth(), half_found())

    assert values["iou"] == 0.5
    assert values["mae"] == pytest.approx(50 / 400)


def half_found() -> np.ndarray:
    found = np.zeros((20, 20), dtype=np.uint8)
    found[5:10, 5:15] = 255
    return found


def values_of(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    measures = SaliencyMeasures()
    measures.add(truth, found)
    return measures.values()


@pytest.mark.parametrize("said", [0, 255])
def test_pixels_of_unknown_truth_neither_help_nor_harm(said):
    """Five columns more, of unknown truth, whatever the map says there."""
    unknown = np.full((20, 5), 255, dtype=np.uint8)
    wider = np.hstack([truth(), unknown])
    expected = values_of(truth(), half_found())

    values = values_of(wider, np.hstack([half_found(), np.full_like(unknown, said)]))

    for name in ("mae", "max_f", "iou"):
        assert values[name] == pytest.approx(expected[name]), name


@pytest.mark.parametrize("said", [0, 255])
def test_the_s_measure_has_pixels_of_unknown_truth_as_the_map_has_them(said):
    unknown = np.full((20, 5), 255, dtype=np.uint8)
    as_said = np.full_like(unknown, 1 if said else 0)
    found = np.hstack([half_found(), np.full_like(unknown, said)])

    values = values_of(np.hstack([truth(), unknown]), found)

    expected = values_of(np.hstack([truth(), as_said]), found)
    assert values["s_measure"] == pytest.approx(expected["s_measure"])


def test_an_image_of_unknown_truth_counts_for_nothing():
    measures = SaliencyMeasures()
    measures.add(truth(), half_found())
    expected = measures.values()

    measures.add(np.full((20, 20), 255, dtype=np.uint8), half_found())

    assert measures.values() == expected


def test_where_nothing_is_known_there_are_no_figures():
    measures = SaliencyMeasures()
    measures.add(np.full((20, 20), 255, dtype=np.uint8), half_found())

    assert measures.values() == {}
    assert measures.images == 0


def test_a_map_is_not_stretched_to_its_own_range():
    faint = (truth() > 0).astype(np.uint8) * 20

    values = values_of(truth(), faint)

    assert values["mae"] == pytest.approx(100 * (1 - 20 / 255) / 400)
    assert values["iou"] == 0
