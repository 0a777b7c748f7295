import shutil
from pathlib import Path

import pytest

from tests.unit.status.finished_run import finish


@pytest.fixture(scope="session")
def undisturbed(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two rounds; read only."""
    return finish(tmp_path_factory.mktemp("undisturbed"), tiny_run)


@pytest.fixture
def run(undisturbed: Path, tmp_path: Path) -> Path:
    """A finished run of two rounds, for a test to spoil."""
    return Path(shutil.copytree(undisturbed, tmp_path / "run"))
