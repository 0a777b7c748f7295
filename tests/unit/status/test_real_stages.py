"""What the stages themselves leave, networks' too, is what the states expect of them."""

import shutil

import pytest

from auxseg.config import ReportOptions
from auxseg.runtime import Runtime
from auxseg.stages import report
from tests.unit.one_round import score
from tests.unit.status.finished_run import BEFORE, FIRST, not_done, rows


@pytest.mark.slow
def test_what_the_stages_themselves_leave_is_done(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    score(run, 0)
    score(run, 1)
    report.run(
        ReportOptions(panels=1, affinities=1),
        folder=run,
        rounds=1,
        labelled_rounds=2,
        page=run / "report/index.html",
        runtime=Runtime(),
    )

    labelled = [("refine", 1), ("evaluate", 1)]
    assert list(rows(run)) == [*BEFORE, *FIRST, *labelled, ("report", None)]
    assert not_done(run) == {}
