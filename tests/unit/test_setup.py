"""Files that repeat one another stay in step: lock, conda files, config.yaml, schema, its page."""

import os
import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path
from typing import get_origin

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import BaseModel
from snakemake.utils import update_config

from auxseg.config import STAGE_OPTIONS, Config, merged, parse_config, schema, stage_options
from auxseg.config.page import markdown_page

ROOT = Path(__file__).parents[2]
PRESETS = sorted((ROOT / "workflow" / "presets").glob("*.yaml"))
CONDA_FILES = sorted((ROOT / "envs").glob("*.yaml"))


def read_yaml(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def pins(text):
    """{name: version} of every `name==version` in a text."""
    found = re.findall(r"([A-Za-z0-9._-]+)==(\S+)", text)
    return {canonicalize_name(name): version for name, version in found}


def locked():
    return pins((ROOT / "envs" / "requirements.lock.txt").read_text())


def keys_of(model, prefix=""):
    """Every key of a model, nested ones dotted; none of a mapping whose names are free."""
    for name, field in model.model_fields.items():
        yield prefix + name
        if get_origin(field.annotation) is dict:
            continue
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from keys_of(part, f"{prefix}{name}.")


def keys_in(values, prefix=""):
    for name, value in values.items():
        yield prefix + name
        if isinstance(value, dict):
            yield from keys_in(value, f"{prefix}{name}.")


def what_runs(config):
    """All of a configuration that any stage reads."""
    return config.run, config.rounds, [stage_options(config, stage) for stage in STAGE_OPTIONS]


def test_the_lock_pins_the_versions_the_project_is_built_on():
    versions = locked()
    assert (versions["torch"], versions["torchvision"]) == ("2.14.1", "0.29.1")


def test_the_lock_has_every_dependency_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {canonicalize_name(Requirement(line).name) for line in asked}
    assert names - locked().keys() == set()


@pytest.mark.parametrize("file", CONDA_FILES, ids=lambda path: path.stem)
def test_a_conda_file_agrees_with_the_lock(file):
    script = file.with_suffix(".post-deploy.sh")
    versions = pins(file.read_text()) | pins(script.read_text())
    assert versions.items() - locked().items() == set()


@pytest.mark.parametrize("file", CONDA_FILES, ids=lambda path: path.stem)
def test_a_conda_file_has_every_dependency_of_the_stages(file):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["u2netp"], *extras["lite0"]]
    names = {canonicalize_name(Requirement(line).name) for line in asked}
    installed = pins(file.read_text()) | pins(file.with_suffix(".post-deploy.sh").read_text())
    assert names - installed.keys() == set()


def test_the_cuda_file_pins_the_cuda_libraries_of_the_lock():
    versions = pins((ROOT / "envs" / "auxseg-cuda.yaml").read_text())
    libraries = {name for name in locked() if name.startswith(("nvidia-", "cuda-"))}
    assert libraries <= versions.keys()


def test_config_yaml_is_valid():
    parse_config(read_yaml(ROOT / "config.yaml"))


SCHEDULE = {
    "batch_size": 4, "accumulate": 1, "learning_rate": 1e-3, "poly_power": 0.9, "crop_size": 321,
    "head_rate_factor": 10, "momentum": 0.9, "weight_decay": 1e-5, "min_scale": 1, "max_scale": 1,
    "scale_per_batch": False, "flip": True, "color_jitter": 0.3, "clip_gradient": 0, "ema_decay": 0,
    "precision": "32-true",
}  # fmt: skip
# What the paper states, and for what it leaves open what workflow/recipes/paper.yaml says.
PAPER = {
    "rounds": 5,
    "model": {
        "branches": "all", "affinity": "cross-task", "transpose_affinity": True,
        "dense_channels": 128, "freeze_batch_norm": True, "frozen_stride": 1,
    },
    "classify": SCHEDULE | {"epochs": 15},
    "cam": {"scales": (0.5, 1.0, 1.5, 2.0), "flip": True},
    "seed": {"cam_threshold": 0.2, "saliency_threshold": 0.06, "use_saliency": True},
    "train": SCHEDULE | {
        "epochs": 10, "constraints": "both", "start_from": "previous", "labels": "pseudo",
        "balance": "none", "padding": "ignored",
        "classification_weight": 1, "saliency_weight": 1, "segmentation_weight": 1,
    },
    "refine": {
        "labels_from": "cam", "cam_threshold": 0.2, "saliency_threshold": 0.06,
        "scales": (1.0,), "flip": False, "use_crf": True,
        "crf": {
            "iterations": 1, "temperature": 1.05, "gaussian_sxy": 3, "gaussian_compat": 3,
            "bilateral_sxy": 60, "bilateral_srgb": 5, "bilateral_compat": 5,
        },
    },
    "predict": {
        "scales": (0.5, 1.0, 1.5), "flip": True, "use_crf": True,
        "crf": {
            "iterations": 10, "gaussian_sxy": 4, "gaussian_compat": 3,
            "bilateral_sxy": 83, "bilateral_srgb": 5, "bilateral_compat": 3,
        },
    },
}  # fmt: skip
REFERENCE = {
    "rounds": 4,
    "model": {"transpose_affinity": False},
    "train": {
        "epochs": 15, "learning_rate": 7e-4, "momentum": 1e-5, "weight_decay": 0,
        "min_scale": 0.7, "max_scale": 1.3, "scale_per_batch": True, "color_jitter": 0,
        "padding": "background",
    },
}  # fmt: skip


def test_config_yaml_shows_every_key_and_no_other():
    assert set(keys_in(read_yaml(ROOT / "config.yaml"))) == set(keys_of(Config))


def test_config_yaml_explains_every_key():
    lines = (ROOT / "config.yaml").read_text().splitlines()
    values = [line for line in lines if re.match(r" *\w+: [^#]", line)]
    assert [line for line in values if "  # " not in line] == []


@pytest.mark.parametrize("file", PRESETS, ids=lambda path: path.stem)
def test_a_preset_alone_and_over_the_demo_is_the_same(file):
    merged = read_yaml(ROOT / "config.yaml")
    update_config(merged, read_yaml(file))
    assert what_runs(parse_config(merged)) == what_runs(parse_config(read_yaml(file)))


RECIPES = {"paper": PAPER, "reference": merged(PAPER, REFERENCE)}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_makes_what_paper_and_reference_code_do_and_nothing_else(preset, recipe):
    values = read_yaml(ROOT / "config.yaml")
    update_config(values, read_yaml(preset))
    before = parse_config(values).model_dump()

    update_config(values, read_yaml(ROOT / f"workflow/recipes/{recipe}.yaml"))

    assert parse_config(values).model_dump() == merged(before, RECIPES[recipe])


@pytest.mark.parametrize("preset", ["voc12", "coco14"])
def test_the_papers_data_are_learnt_on_its_backbone(preset):
    model = parse_config(read_yaml(ROOT / f"workflow/presets/{preset}.yaml")).model

    assert (model.backbone, model.output_stride) == ("resnet38d", 8)


def test_the_schema_is_the_one_generated_from_the_models():
    assert (ROOT / "workflow" / "config.schema.json").read_text() == schema()


def test_the_page_of_keys_is_the_one_generated_from_the_models():
    assert (ROOT / "docs" / "config.md").read_text(encoding="utf-8") == markdown_page()


def test_the_page_of_keys_tells_of_every_key_and_no_other():
    page = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    keys = set(keys_of(Config))
    sections = {key.rpartition(".")[0] for key in keys}

    assert set(re.findall(r"^\| `([^`]+)`", page, flags=re.MULTILINE)) == keys - sections


def test_a_set_up_that_was_interrupted_is_begun_anew_by_the_systems_python(tmp_path):
    system = subprocess.check_output([ROOT / "envs/find-python"], cwd=tmp_path, text=True)
    half_made = tmp_path / ".venv" / "bin"
    half_made.mkdir(parents=True)
    (half_made / "python3.11").symlink_to(system.strip())
    path = {"PATH": f"{half_made}:{os.environ['PATH']}"}

    found = subprocess.check_output(
        [ROOT / "envs/find-python"], cwd=tmp_path, text=True, env=os.environ | path
    )

    assert found == system
