from pathlib import Path

import numpy as np

from auxseg.datasets.record import Record
from auxseg.project.splits import hold_out


def record(name, *labels, masked=True, split="train"):
    mask = (lambda: np.zeros((4, 6), np.uint8)) if masked else None
    return Record(name, split, Path(f"{name}.jpg"), labels, mask)


def held_out(records):
    return {r.id for r in hold_out(records) if r.split == "val"}


def test_photographs_with_a_mask_are_for_evaluation():
    records = [record(f"{n}", 0, masked=n < 3) for n in range(20)]

    assert held_out(records) == {"0", "1", "2"}


def test_at_most_one_in_five_is_held_out_and_five_hundred():
    assert len(held_out([record(f"{n}", 0) for n in range(100)])) == 20
    assert len(held_out([record(f"{n}", 0) for n in range(3000)])) == 500


def test_at_least_half_of_a_class_stays_for_training():
    rare = [record("a", 1), record("b", 1), record("c", 1)]
    records = [*rare, *(record(f"{n}", 0, masked=False) for n in range(97))]

    assert len(held_out(records)) == 1


def test_a_photograph_that_alone_shows_a_class_is_trained_on():
    records = [record("a", 0, 1), *(record(f"{n}", 0, masked=False) for n in range(20))]

    assert held_out(records) == set()


def test_what_is_held_out_does_not_depend_on_the_order():
    records = [record(f"{n}", n % 3) for n in range(60)]

    assert held_out(records) == held_out(records[::-1])


def test_those_without_a_class_stay_as_they_are():
    records = [record("a", split="test"), *(record(f"{n}", 0) for n in range(20))]

    assert hold_out(records)[0].split == "test"
