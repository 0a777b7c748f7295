import pytest

from auxseg.errors import disk_fault, reason_of


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("first line\nsecond"), "first line"),
        (RuntimeError("\n  after an empty line"), "after an empty line"),
        (RuntimeError(), "RuntimeError"),
        (OSError(2, "No such file"), "[Errno 2] No such file"),
    ],
)
def test_a_reason_is_one_line_and_never_empty(error, reason):
    assert reason_of(error) == reason


def test_a_name_that_is_too_long_is_a_fault_of_the_disk(tmp_path):
    with pytest.raises(OSError) as caught:
        (tmp_path / ("n" * 300)).stat()

    assert disk_fault(caught.value) == f"{tmp_path}/{'n' * 300}: File name too long"
