import numpy as np
import pytest

from auxseg.metrics import Confusion, mean


def counted(truth: list[int], predicted: list[int], num_classes: int = 3) -> Confusion:
    confusion = Confusion(num_classes)
    confusion.add(np.array([truth], dtype=np.uint8), np.array([predicted], dtype=np.uint8))
    return confusion


def test_figures_worked_out_by_hand():
    #         class 0: 2 right, 1 missed;  class 1: 1 right, 1 wrong;  class 2: 1 right, 1 missed
    confusion = counted([0, 0, 0, 1, 2, 2], [0, 0, 1, 1, 2, 0])

    assert confusion.iou() == pytest.approx([2 / 4, 1 / 2, 1 / 2])
    assert confusion.precision() == pytest.approx([2 / 3, 1 / 2, 1])
    assert confusion.recall() == pytest.approx([2 / 3, 1, 1 / 2])


def test_an_ignored_pixel_is_missed_in_recall_and_iou_but_no_fault_of_precision():
    confusion = counted([1, 1, 0, 0], [1, 255, 0, 0], num_classes=2)

    assert confusion.precision() == pytest.approx([1, 1])
    assert confusion.recall() == pytest.approx([1, 1 / 2])
    assert confusion.iou() == pytest.approx([1, 1 / 2])
    assert confusion.ignored() == 1 / 4


def test_pixels_of_unknown_truth_are_not_counted():
    confusion = counted([0, 255, 255], [0, 1, 255], num_classes=2)

    assert confusion.counts.sum() == 1
    assert confusion.ignored() == 0


def test_a_class_that_is_nowhere_has_no_figure_and_leaves_the_mean():
    confusion = counted([0, 1], [0, 1])

    assert np.isnan(confusion.iou()[2])
    assert mean(confusion.iou()) == 1


def test_a_class_that_is_predicted_but_never_true_counts_as_zero():
    assert counted([0, 0], [0, 2]).iou()[2] == 0


def test_images_added_one_by_one_give_the_same_counts_as_all_at_once():
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, (4, 6, 5)).astype(np.uint8)
    guess = random.choice([0, 1, 2, 255], (4, 6, 5)).astype(np.uint8)
    one_by_one, at_once = Confusion(3), Confusion(3)

    for mask, prediction in zip(truth, guess, strict=True):
        one_by_one.add(mask, prediction)
    at_once.add(truth.reshape(24, 5), guess.reshape(24, 5))

    assert np.array_equal(one_by_one.counts, at_once.counts)
    assert one_by_one.images == 4


def test_the_confusion_agrees_with_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(1)
    truth, guess = random.integers(0, 4, (2, 50, 50)).astype(np.uint8)
    confusion = Confusion(4)

    confusion.add(truth, guess)

    expected = sklearn.jaccard_score(truth.ravel(), guess.ravel(), average="macro")
    assert mean(confusion.iou()) == pytest.approx(expected)


def test_maps_of_different_size_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        Confusion(2).add(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))


@pytest.mark.parametrize("truth, guess", [(2, 0), (0, 2)])
def test_an_index_that_is_no_class_is_refused(truth, guess):
    with pytest.raises(ValueError, match="index above 1"):
        counted([truth], [guess], num_classes=2)
