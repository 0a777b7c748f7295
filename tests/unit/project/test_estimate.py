"""The estimate, against the times of benchmarks/."""

import re
from pathlib import Path

import pytest
import yaml

from auxseg.config import parse_config
from auxseg.project.estimate import SECONDS, in_words, seconds_of

ROOT = Path(__file__).parents[3]


def test_the_seconds_are_those_that_were_measured():
    page = (ROOT / "benchmarks/costs.md").read_text()
    table = page.split("peak memory, MB")[1].split("Hours of a run")[0]
    measured = dict(re.findall(r"^\| (\w+) \| ([\d.]+) \|", table, flags=re.MULTILINE))

    assert {stage: float(measured[stage]) for stage in SECONDS} == SECONDS


@pytest.mark.parametrize(
    ("preset", "page", "train", "val"),
    [
        ("voc-animals", "voc-animals-mini", 259, 90),
        ("voc-animals-full", "voc-animals-full", 2281, 370),
    ],
)
def test_the_measured_runs_are_estimated_within_a_tenth(preset, page, train, val):
    text = (ROOT / f"benchmarks/{page}.md").read_text()
    minutes = float(re.search(r"The run took (\d+) minutes", text)[1])
    config = parse_config(yaml.safe_load((ROOT / f"workflow/presets/{preset}.yaml").read_text()))

    assert seconds_of(config, train, val, side=320) / 60 == pytest.approx(minutes, rel=0.1)


def test_photographs_that_are_scaled_down_cost_as_much_as_small_ones():
    config = parse_config({"index": {"longest_side": 320}})

    assert seconds_of(config, 100, 10, side=4000) == seconds_of(config, 100, 10, side=320)
    assert seconds_of(config, 100, 10, side=160) < seconds_of(config, 100, 10, side=320)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (10, "5 minutes"),
        (1500, "25 minutes"),
        (6200, "105 minutes"),
        (6400, "2 hours"),
        (40 * 3600, "40 hours"),
        (60 * 3600, "2 days"),
    ],
)
def test_an_estimate_is_told_roughly(seconds, words):
    assert in_words(seconds) == words
