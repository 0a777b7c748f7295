"""Projects whose plans are read: one where nothing ran yet."""

import pytest

from tests.processes import copy_of_the_project


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """The project where nothing ran yet."""
    return copy_of_the_project(tmp_path_factory.mktemp("fresh"))
