"""What is chosen, against what was measured."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from auxseg.config import parse_config
from auxseg.project.choices import Fingerprint, choose_options
from auxseg.project.estimate import seconds_of

PRESETS = Path(__file__).parents[3] / "workflow/presets"
CPU = Fingerprint(train=259, largest=500, typical=500, gpu=False, bfloat16=False)
GPU = replace(CPU, gpu=True, bfloat16=True)


def chosen(fingerprint, **changes):
    return choose_options(replace(fingerprint, **changes))


@pytest.mark.parametrize(("preset", "train"), [("voc-animals", 259), ("voc-animals-full", 2281)])
def test_of_as_many_photographs_as_were_measured_the_measured_options_are_chosen(preset, train):
    measured = yaml.safe_load((PRESETS / f"{preset}.yaml").read_text())
    options = chosen(CPU, train=train)

    for stage in ("classify", "train"):
        assert options[stage]["epochs"] == measured[stage]["epochs"]
        assert options[stage]["crop_size"] == measured[stage]["crop_size"]
    assert options["cam"]["scales"] == measured["cam"]["scales"]


@pytest.mark.parametrize("train", [1, 7, 15, 16, 50, 200])
def test_a_small_set_is_trained_on_for_as_many_steps_as_the_demo(train):
    options = chosen(CPU, train=train)
    steps = max(1, train // 8)

    assert options["classify"]["epochs"] * steps >= 250
    assert options["train"]["epochs"] * steps >= 200


@pytest.mark.parametrize("train", [20_000, 20_001, 100_000])
def test_a_large_set_takes_less_than_two_days_on_two_cores(train):
    config = parse_config(chosen(CPU, train=train))

    assert seconds_of(config, train, 500, side=500) < 2 * 24 * 3600


def test_epochs_never_grow_with_the_photographs():
    runs = [chosen(CPU, train=train) for train in (16, 40, 100, 259, 1000, 10_000, 10**6)]

    for stage in ("classify", "train"):
        epochs = [run[stage]["epochs"] for run in runs]
        assert epochs == sorted(epochs, reverse=True)
        assert epochs[-1] == 3


def test_photographs_are_scaled_down_as_far_as_the_machine_needs():
    assert chosen(CPU)["index"]["longest_side"] == 320
    assert chosen(CPU, largest=4000)["index"]["longest_side"] == 320
    assert chosen(GPU, largest=4000)["index"]["longest_side"] == 512


def test_photographs_are_never_said_to_be_larger_than_they_are():
    assert chosen(CPU, largest=160, typical=150)["index"]["longest_side"] == 160
    assert chosen(GPU)["index"]["longest_side"] == 500


@pytest.mark.parametrize(
    ("longest", "typical", "crop"),
    [(320, 320, 224), (160, 160, 128), (4000, 200, 128), (40, 40, 64)],
)
def test_crops_follow_what_is_typical(longest, typical, crop):
    options = chosen(CPU, largest=longest, typical=typical)

    assert options["train"]["crop_size"] == options["classify"]["crop_size"] == crop


def test_half_precision_is_for_gpus_that_compute_in_it():
    assert chosen(GPU)["train"]["precision"] == chosen(GPU)["classify"]["precision"] == "bf16-mixed"
    assert "precision" not in chosen(GPU, bfloat16=False)["train"]
    assert "precision" not in chosen(CPU)["train"]


def test_a_processor_alone_trains_one_round_on_very_many():
    assert chosen(CPU)["rounds"] == chosen(CPU, train=20_000)["rounds"] == 2
    assert chosen(CPU, train=30_000)["rounds"] == 1
    assert chosen(GPU, train=30_000)["rounds"] == 2


@pytest.mark.parametrize("fingerprint", [CPU, GPU])
def test_what_is_chosen_is_valid(fingerprint):
    config = parse_config(choose_options(fingerprint))

    assert config.index.longest_side is not None
