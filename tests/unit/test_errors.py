import pytest

from auxseg.errors import reason_of


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
