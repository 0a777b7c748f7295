"""`auxseg status`: the table, the JSON and the figures."""

import json
import os
import pty
import subprocess
import sys
from datetime import datetime

import pytest
from click.testing import CliRunner

from auxseg.cli import cli
from auxseg.errors import UserError
from auxseg.status import JobState, job_states
from auxseg.status.screen import as_table

MADE = datetime(2026, 1, 2, 3, 4, 5).astimezone()
DONE = JobState("index", None, "done", MADE)
STALE = JobState("train", 0, "stale", MADE, why="made from another index.h5")
RUNNING = JobState("cam 3/8", None, "running", MADE, "64 of 80 photographs")


def shown(*arguments: object) -> str:
    return CliRunner().invoke(cli, ["status", *map(str, arguments)], catch_exceptions=False).output


def test_columns_are_aligned_and_empty_ones_left_out():
    assert as_table([DONE, STALE], colour=False).splitlines() == [
        "stage  round  state  made or last seen    why",
        "index         done   2026-01-02 03:04:05",
        "train  0      stale  2026-01-02 03:04:05  made from another index.h5",
    ]


def test_what_cannot_be_known_of_a_running_job_is_said():
    assert as_table([DONE, RUNNING], colour=False).splitlines() == [
        "stage    state    made or last seen    how far",
        "index    done     2026-01-02 03:04:05",
        "cam 3/8  running  2026-01-02 03:04:05  64 of 80 photographs",
        "",
        "running: wrote something within ten minutes; one that was killed since looks the same.",
    ]


def test_colours_change_no_letter_and_no_place():
    painted = as_table([DONE, STALE, RUNNING], colour=True)

    assert "\x1b[32mdone   \x1b[0m" in painted
    for code in ("\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[0m"):
        painted = painted.replace(code, "")
    assert painted == as_table([DONE, STALE, RUNNING], colour=False)


@pytest.mark.parametrize(("environment", "painted"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals_whose_users_want_them(undisturbed, environment, painted):
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "auxseg.cli", "status", str(undisturbed)]
    kept = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    subprocess.run(command, stdout=terminal, env={**kept, **environment}, check=True)

    assert (b"\x1b[32mdone" in os.read(ours, 10_000)) == painted


def test_a_finished_run_is_shown_with_the_figures_that_table_prints(undisturbed):
    table = CliRunner().invoke(cli, ["table", str(undisturbed)]).output

    lines = shown(undisturbed)

    assert lines.startswith("stage     round  state  made or last seen\nindex            done   ")
    assert lines.rstrip().endswith(table.rstrip())
    assert "Predictions, val (6 images), %" in table
    assert "\x1b" not in lines


def test_figures_of_scored_rounds_are_shown_before_there_is_a_report(run):
    (run / "report/metrics.csv").unlink()
    (run / "round1/metrics.csv").unlink()

    figures = shown(run).split("Pseudo labels, train (12 images), %")[1].splitlines()

    assert [line.split()[0] for line in figures[1:4]] == ["round", "0", "2"]


def test_figures_that_are_stale_are_not_shown(run):
    (run / "masks.h5").touch()

    assert "Pseudo labels" not in shown(run)


def test_json_holds_the_rows_as_they_are(run):
    (run / "cam.h5").unlink()

    rows = json.loads(shown(run, "--json"))

    assert [
        JobState(**{**row, "when": row["when"] and datetime.fromisoformat(row["when"])})
        for row in rows
    ] == [
        JobState(
            s.stage, s.round, s.state, s.when and s.when.replace(microsecond=0), s.how_far, s.why
        )
        for s in job_states(run)
    ]
    assert {"stage": "cam", "round": None, "state": "missing"}.items() <= rows[4].items()


def test_a_folder_without_a_run_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="holds no run; name the folder of one"):
        shown(tmp_path)


def test_a_file_is_no_run(tmp_path):
    (tmp_path / "index.h5").write_bytes(b"")

    with pytest.raises(UserError, match=r"index\.h5: holds no run; name the folder of one"):
        job_states(tmp_path / "index.h5")
