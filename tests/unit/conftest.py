"""A run after its first round, and a small network, which tests of several modules read."""

from pathlib import Path

import pytest

from tests.unit.one_round import make_round
from tests.unit.small_network import save_network


@pytest.fixture(scope="session")
def finished(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny run after one round; read only."""
    folder = tmp_path_factory.mktemp("finished")
    make_round(tiny_run, folder)
    return folder


@pytest.fixture(scope="session")
def small_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights file of a network of cats, dogs and horses."""
    return save_network(tmp_path_factory.mktemp("network") / "weights.safetensors")
