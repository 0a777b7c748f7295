"""Who may import whom: data goes down from the command line to files and arithmetic."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "auxseg"
MAY_IMPORT = {
    "ablation": {"ablation", "config", "errors", "report"},
    "store": {"store", "errors", "signals"},
    "ops": {"ops", "datasets.record"},
    "nn": {"nn", "errors", "ops.kernels", "store", "description"},  # the last two for weights
    "config": {"config", "errors"},
    "datasets": {"datasets", "config", "errors", "images", "store"},
    "download": {"download", "datasets", "errors", "runtime", "store"},
    "training": {
        *("training", "nn", "ops", "datasets", "config", "errors", "runtime", "stopping", "store"),
    },
    "report": {"report", "datasets", "description", "errors", "images", "metrics", "store"},
    "photographs": {
        *("photographs", "datasets", "errors", "images", "ops", "parallel", "pictures", "report"),
        *("runtime", "segmenter", "store"),
    },
    "status": {"status", "report", "datasets", "description", "errors", "store"},
    "project": {
        *("project", "datasets", "config", "errors", "images", "runtime", "saliency_models"),
        "store",
    },
}


def imported(file: Path) -> set[str]:
    """Every module of ours that a file imports, without the package's name."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return {name.removeprefix("auxseg.") for name in names if name.startswith("auxseg.")}


def within(name: str, rooms: set[str]) -> bool:
    parts = name.split(".")
    return any(".".join(parts[: i + 1]) in rooms for i in range(len(parts)))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_what_lies_below_it_alone(room):
    files = sorted((PACKAGE / room).rglob("*.py"))

    upward = {
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in files
        for name in imported(file)
        if not within(name, MAY_IMPORT[room])
    }

    assert files
    assert not upward


def test_every_room_but_the_stages_says_what_it_may_import():
    rooms = {folder.parent.name for folder in PACKAGE.glob("*/__init__.py")}

    assert rooms == {*MAY_IMPORT, "stages"}


def test_nothing_but_the_command_line_imports_stages():
    files = [f for f in PACKAGE.rglob("*.py") if f.parent.name != "stages"]

    users = {f.name for f in files if any(n.startswith("stages") for n in imported(f))}

    assert users == {"cli.py"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", ["cli", "ops.postprocess", "stages.seed", "stages.evaluate", "stages.report"]
)
def test_modules_without_a_network_start_without_torch(module):
    code = f"import sys, auxseg.{module}; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
