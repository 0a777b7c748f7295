"""Thousands of damaged files: our own errors, no crash, no hang, no memory without bound.

AUXSEG_TORTURE makes them fifty thousand.
"""

import os
import select
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.whole_files import make_corpus
from tests.processes import ROOT

pytestmark = pytest.mark.slow

INPUTS = 50_000 if "AUXSEG_TORTURE" in os.environ else 10_000
SECONDS = 5  # for one input
MEGABYTES = 2_000  # torch alone takes several hundred


def outcomes(folder: Path, seed: int, inputs: int) -> tuple[list[list[str]], int, str]:
    """[number, reader, outcome] of every input, the peak memory, and what went to stderr."""
    words = (folder, seed, 0, inputs)
    with (folder / "stderr").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.fuzz", *map(str, words)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None
        lines: list[list[str]] = []
        pending = b""
        while True:
            # The first input waits for the imports.
            ready, _, _ = select.select([process.stdout], [], [], SECONDS if lines else 120)
            if not ready:
                process.kill()
                pytest.fail(f"hangs on input {pending.decode()!r} after {len(lines)} of {inputs}")
            block = os.read(process.stdout.fileno(), 65536)
            if not block:
                break
            *whole, pending = (pending + block).split(b"\n")
            lines += [line.decode().split() for line in whole]
        code = process.wait()
    said = (folder / "stderr").read_text()
    assert code == 0, f"died of {code} on input {pending.decode()!r}: {said[-3000:]}"
    return lines[:-1], int(lines[-1][0]), said


def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path):
    found, memory, said = outcomes(tmp_path, 1, INPUTS)

    counts = Counter((reader, outcome) for _, reader, outcome in found)
    print(f"{INPUTS} inputs, at most {memory} MB of memory; so many were read, so many refused:")
    for reader in sorted({reader for reader, _ in counts}):
        print(f"  {reader:12} {counts[reader, 'read']:6} {counts[reader, 'refused']:6}")
    assert len(found) == INPUTS
    assert {outcome for _, outcome in counts} <= {"read", "refused"}, said[-6000:]
    assert memory < MEGABYTES


def test_the_corpus_is_whole(tmp_path):
    for _, path, read in make_corpus(tmp_path):
        read(path)
