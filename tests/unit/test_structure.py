"""Who may import whom: data goes down from the command line to files and arithmetic."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "auxseg"
OPTIONS = {"auxseg.config"}
ABOVE = {"auxseg.stages", "auxseg.cli"}
FORBIDDEN = {
    "ops": ABOVE | OPTIONS | {"auxseg.store", "auxseg.nn", "auxseg.training", "auxseg.report"},
    "nn": ABOVE | OPTIONS | {"auxseg.datasets", "auxseg.training", "auxseg.report"},
    "datasets": ABOVE | {"auxseg.nn", "auxseg.training", "auxseg.report"},
    "training": ABOVE | {"auxseg.report"},
    "report": ABOVE | {"auxseg.nn", "auxseg.training"},
}


def imported(file: Path) -> set[str]:
    """Every module that a file imports, and every package it lies in."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    parts = [name.split(".") for name in names]
    return {".".join(p[: i + 1]) for p in parts for i in range(len(p))}


@pytest.mark.parametrize("room", FORBIDDEN)
def test_no_module_imports_upward(room):
    files = sorted((PACKAGE / room).rglob("*.py"))

    upward = {
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in files
        for name in imported(file) & FORBIDDEN[room]
    }

    assert files
    assert not upward
