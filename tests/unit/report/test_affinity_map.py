import numpy as np
import pytest

from auxseg.report.affinity_map import coarse_affinity


def rows_of(count: int) -> np.ndarray:
    """A random affinity: rows add up to 1."""
    values = np.random.default_rng(0).random((count, count))
    return values / values.sum(axis=1, keepdims=True)


def test_a_small_grid_is_shown_as_it_is():
    affinity = rows_of(6 * 4)

    shown = coarse_affinity(affinity, (6, 4))

    assert (shown.queries, shown.keys) == ((6, 4), (6, 4))
    expected = np.rint(255 * affinity / affinity.max(axis=1, keepdims=True))
    np.testing.assert_array_equal(shown.values, expected.astype(np.uint8))


def test_of_a_large_grid_some_positions_are_asked_and_neighbours_answer_together():
    rows, columns = 50, 33
    affinity = rows_of(rows * columns)

    shown = coarse_affinity(affinity, (rows, columns))

    assert shown.queries == (17, 11)
    assert shown.keys == (25, 17)
    # The second query of the second row is position (4, 4): of each three the middle one.
    row = affinity[4 * columns + 4].reshape(rows, columns)
    row = np.pad(row, ((0, 0), (0, 1)), mode="edge")
    means = row.reshape(25, 2, 17, 2).mean(axis=(1, 3))
    expected = np.rint(255 * means / means.max()).astype(np.uint8)
    np.testing.assert_array_equal(shown.values[11 + 1].reshape(25, 17), expected)


@pytest.mark.parametrize(
    ("grid", "queries"), [((1, 32), (1, 16)), ((32, 1), (16, 1)), ((3, 200), (1, 20))]
)
def test_of_a_strip_the_middle_is_asked(grid, queries):
    rows, columns = grid
    affinity = rows_of(rows * columns)

    shown = coarse_affinity(affinity, grid)

    assert shown.queries == queries
    assert shown.values.shape == (queries[0] * queries[1], shown.keys[0] * shown.keys[1])
    assert (shown.values.max(axis=1) == 255).all()
