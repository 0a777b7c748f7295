import os
import time

import pytest

from auxseg.parallel import process_map


def slow_square(number: int) -> tuple[int, int]:
    time.sleep(0.05 if number % 3 == 0 else 0)
    return number * number, os.getpid()


def fail_at_two(number: int) -> int:
    if number == 2:
        raise ValueError("two")
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_jobs(workers):
    results = process_map(slow_square, ((n,) for n in range(20)), workers)

    assert [square for square, _ in results] == [n * n for n in range(20)]


def test_several_workers_are_other_processes_and_one_is_this_one():
    assert {pid for _, pid in process_map(slow_square, [(1,)], 1)} == {os.getpid()}
    assert os.getpid() not in {pid for _, pid in process_map(slow_square, [(1,)], 2)}


def test_jobs_are_drawn_no_faster_than_results_are_taken():
    drawn = []

    def jobs():
        for number in range(100):
            drawn.append(number)
            yield (number,)

    results = process_map(slow_square, jobs(), 2)
    next(results)

    assert len(drawn) <= 9
    results.close()


def test_a_failure_in_a_worker_reaches_the_caller():
    with pytest.raises(ValueError, match="two"):
        list(process_map(fail_at_two, ((n,) for n in range(5)), 2))
