from auxseg import runtime
from auxseg.runtime import byte_progress, progress


def test_a_log_says_at_the_end_that_all_is_done(capsys):
    assert list(progress("abc", "cam", 3)) == ["a", "b", "c"]

    assert capsys.readouterr().err == "cam: 3/3\n"


def test_a_log_says_now_and_then_how_far_a_long_stage_is(capsys, monkeypatch):
    monkeypatch.setattr(runtime, "_SECONDS_A_LINE", 0)

    list(progress("abc", "epoch 1/2", 3, last_line=False))

    assert capsys.readouterr().err == "epoch 1/2: 1/3\nepoch 1/2: 2/3\n"


def test_what_was_done_before_counts(capsys):
    list(progress("bc", "cam", 3, done=1))

    assert capsys.readouterr().err == "cam: 3/3\n"


def test_nothing_to_do_says_nothing(capsys):
    assert list(progress([], "cam", 0)) == []

    assert capsys.readouterr().err == ""


def test_bytes_are_told_as_megabytes(capsys, monkeypatch):
    monkeypatch.setattr(runtime, "_SECONDS_A_LINE", 0)
    chunks = [bytes(2_000_000), bytes(1_000_000)]

    assert list(byte_progress(chunks, "a.tar", 5_000_000, done=2_000_000)) == chunks

    assert capsys.readouterr().err == "a.tar: 4/5 MB\na.tar: 5/5 MB\n"
