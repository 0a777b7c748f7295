import pytest

from auxseg.datasets.class_names import cell_of, names_in, separator_of


@pytest.mark.parametrize(
    "names", [["cat"], ["cat", "dog"], ["polar bear"], ["polar bear", "cat"], ["tench, Tinca"]]
)
@pytest.mark.parametrize("beside", [[], ["cat"], ["cat", "dog"], ["polar bear"], ["bear, polar"]])
def test_a_cell_that_was_written_is_read_as_its_names_whatever_stands_beside_it(names, beside):
    cells = [cell_of(names), cell_of(beside)]

    assert names_in(cells[0], separator_of(cells)) == names


def test_a_single_plain_name_is_written_as_it_is():
    assert cell_of(["cat"]) == "cat"
    assert cell_of(["cat", "dog"]) == "cat;dog"
