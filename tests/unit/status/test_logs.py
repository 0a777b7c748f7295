import pytest

from auxseg.status.logs import how_far, how_it_ended, last_lines


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cam: 37/80", "cam 37 of 80"),
        ("evaluate labels: 7/12", "evaluate labels 7 of 12"),
        ("epoch 3/10: 12/40", "epoch 3 of 10, step 12 of 40"),
        ("epoch 3/10: learning_rate 0.1 loss 1.2 (60 s in all)", "3 of 10 epochs"),
        ("goes on after step 30 of 400", "after step 30 of 400"),
        ("3 of 80 photographs have a true mask", ""),
    ],
)
def test_a_count_is_told_in_words(line, words):
    assert how_far([line]) == words


def test_the_last_count_is_the_one_that_holds():
    assert how_far(["cam: 1/80", "cam: 37/80", "some warning"]) == "cam 37 of 80"


def test_doubts_about_the_data_are_no_end():
    assert how_it_ended(["auxseg: doubtful: image 'a': labelled dog, not in its mask."]) == ""


def test_work_that_goes_on_behind_a_traceback_has_not_ended():
    lines = ["Traceback (most recent call last):", "OSError: full", "epoch 1/2: 3/4"]

    assert how_it_ended(lines) == ""


def test_a_bar_drawn_over_itself_has_a_line_for_each_state(tmp_path):
    (tmp_path / "a.log").write_bytes(b"cam: 1/8\rcam: 2/8\xff\rcam: 3/8\n")

    assert last_lines(tmp_path / "a.log")[-1] == "cam: 3/8"


def test_of_a_long_log_the_end_is_read(tmp_path):
    (tmp_path / "a.log").write_text("a warning\n" * 100_000 + "cam: 3/8\n")

    lines = last_lines(tmp_path / "a.log")

    assert len(lines) < 10_000
    assert lines[-1] == "cam: 3/8"
