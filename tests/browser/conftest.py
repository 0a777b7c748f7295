"""A finished run, its report, and that page in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auxseg.config import ReportOptions
from auxseg.runtime import Runtime
from auxseg.stages import report
from tests.browser.chromium import Chromium
from tests.browser.report_page import opened
from tests.unit.one_round import make_round, score


@pytest.fixture(scope="session")
def run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one round on generated scenes, scored."""
    folder = tmp_path_factory.mktemp("runs") / "scenes"
    folder.mkdir()
    make_round(tiny_run, folder)
    for number in (0, 1):
        score(folder, number)
    return folder


@pytest.fixture(scope="session")
def page(run: Path) -> Path:
    path = run / "report/index.html"
    report.run(
        ReportOptions(title="Scenes", affinities=2, panels=1),
        folder=run,
        rounds=1,
        labelled_rounds=2,
        page=path,
        runtime=Runtime(2),
    )
    return path


@pytest.fixture
def browser(page: Path, tmp_path: Path) -> Iterator[Chromium]:
    """The page, just opened."""
    with opened(page, tmp_path / "profile") as found:
        yield found
