"""Benchmarks that wait for a machine run here in small, so that they will run there."""

import subprocess
import sys
from pathlib import Path

import pytest

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
