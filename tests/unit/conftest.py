"""A run after its first round, which tests of several stages read."""

from pathlib import Path

import pytest

from tests.unit.one_round import make_round


@pytest.fixture(scope="session")
def finished(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny run after one round; read only."""
    folder = tmp_path_factory.mktemp("finished")
    make_round(tiny_run, folder)
    return folder
