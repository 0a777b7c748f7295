"""Benchmarks that wait for a machine run here in small, so that they will run there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from auxseg.ablation import changes_of
from auxseg.config import parse_config

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_benchmark_of_gpus_measures_a_processor_too(tmp_path):
    command = [sys.executable, FOLDER / "gpu.py", "--device", "cpu", "--side", "48"]
    options = ["--backbone", "test_efficientnet", "--page", tmp_path / "gpu.md"]

    subprocess.run([str(word) for word in (*command, *options)], check=True, capture_output=True)

    page = (tmp_path / "gpu.md").read_text()
    assert "# On the processor" in page
    assert "| test_efficientnet, training, batches of 8 | " in page
    assert "| test_efficientnet, prediction | " in page


def test_the_choices_of_the_recipe_are_changes_that_can_be():
    code = (
        "import json, recipe as r; print(json.dumps({r.slug(n): r.CHOICES[n] for n in r.CHOICES}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONPATH": f"{FOLDER}:{FOLDER.parent}"},
    )
    preset = yaml.safe_load((FOLDER.parent / "workflow/presets/voc-animals.yaml").read_text())
    config = parse_config({**preset, "ablation": {"changes": json.loads(found.stdout)}})

    assert len(changes_of(config)) == 14
