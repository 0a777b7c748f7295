"""How a run is shared: shards, GPUs, and the profile of Slurm."""

import re
import time

import pytest
import yaml

from tests.processes import ROOT
from tests.workflow.dry_runs import TEST_IMAGES, planned, snakemake

pytestmark = pytest.mark.slow


def filled_in_profile(folder):
    """The profile of Slurm, its commented lines taken in, written to a folder."""
    text = (ROOT / "profiles/slurm/config.yaml").read_text()
    settings, start, block = text.partition("# default-resources:")
    filled_in = settings + re.sub("^# ", "", start + block, flags=re.MULTILINE)
    (folder / "config.yaml").write_text(filled_in)
    return yaml.safe_load(filled_in)


def test_the_report_asks_for_no_gpu_and_takes_none(fresh):
    job = planned(fresh)["report"]
    assert "gpu=0" in job
    assert "--device cpu" in job


def test_the_test_images_are_shared_by_shards(fresh):
    jobs = planned(fresh, "submission", shards=2, **TEST_IMAGES)
    last = jobs["predict_test_shard 2_of_2"]
    assert "--predictions results/shapes/test/shards/2_of_2/predictions.h5 --split test" in last
    assert "--shard 2/2" in last
    assert "--predictions results/shapes/test/predictions.h5" in jobs["predict_test"]
    assert "--shards 2" in jobs["predict_test"]


def test_shards_share_the_images_of_five_stages_and_are_joined(fresh):
    jobs = planned(fresh, shards=3)
    first, last = jobs["cam_shard 1_of_3"], jobs["cam_shard 3_of_3"]
    whole = planned(fresh)
    divided = {name.split("_shard")[0] for name in jobs if "_shard" in name}

    assert divided == {"index", "saliency", "cam", "refine", "predict"}
    assert "--cam results/shapes/shards/1_of_3/cam.h5 --shard 1/3" in first
    assert "--cam results/shapes/shards/3_of_3/cam.h5 --shard 3/3" in last
    assert "--cam results/shapes/cam.h5 --shards 3" in jobs["cam"]
    assert not re.search("--shard", whole["cam"])
    assert {name for name in jobs if "_shard" not in name} == whole.keys()


def test_packed_photographs_are_written_with_the_index(fresh):
    jobs = planned(fresh, "index", index={"pack": True}, shards=2)
    assert "output: results/shapes/images.h5, results/shapes/index.h5" in jobs["index"]
    assert "results/shapes/shards/2_of_2/images.h5" in jobs["index"].split("output:")[0]


def test_work_on_a_gpu_is_done_by_shards_and_joining_them_needs_none(fresh):
    jobs = planned(fresh, "--cores", "4", shards=3)
    work, joining = jobs["cam_shard 1_of_3"], jobs["cam"]
    assert ("gpu=1" in work, "threads: 4" in work) == (True, True)
    assert ("gpu=0" in joining, "threads: " in joining) == (True, False)
    assert "gpu=1" in planned(fresh)["cam"]


def test_saliency_waits_for_no_gpu_as_it_uses_none(fresh):
    assert "gpu=0" in planned(fresh)["saliency"]
    assert "gpu=0" in planned(fresh, shards=3)["saliency_shard 1_of_3"]


def test_the_gpus_of_a_training_are_those_of_one_node(fresh):
    jobs = planned(fresh) | planned(fresh, "ceiling")
    for name in ("classify", "train 0", "ablation_train 0"):
        assert "nodes=1" in jobs[name]


def test_the_profile_of_slurm_names_every_rule_that_takes_a_gpu(fresh, tmp_path):
    profile = filled_in_profile(tmp_path)
    named = profile["set-resources"]
    taking = set()
    for shards in (1, 3):
        targets = ("all", "pseudo_masks", "ablation", "submission")
        done = snakemake(fresh, *targets, "--dry-run", shards=shards, **TEST_IMAGES)
        assert done.returncode == 0, done.stdout + done.stderr
        parts = re.split(r"^(?:local)?rule (\w+):$", done.stdout, flags=re.MULTILINE)
        jobs = zip(parts[1::2], parts[2::2], strict=True)
        taking |= {rule for rule, text in jobs if re.search("gpu=[1-9]", text)}

    assert "ablation_refine" in taking
    assert named.keys() == taking
    assert profile["set-threads"].keys() < taking
    assert all(resources["slurm_partition"] == "gpu" for resources in named.values())


def test_the_profile_of_slurm_is_understood_when_it_is_filled_in(fresh, tmp_path):
    filled_in_profile(tmp_path)
    jobs = planned(fresh, "--workflow-profile", str(tmp_path), shards=3)
    assert "slurm_partition=gpu" in jobs["refine_shard 1 1_of_3"]
    assert "slurm_partition=cpu" in jobs["masks"]
    assert "slurm_account=my-account" in jobs["train 0"]


def test_coco_in_many_shards_is_planned_in_seconds(fresh):
    began = time.monotonic()
    preset = ("--configfile", "workflow/presets/coco14.yaml")
    done = snakemake(fresh, *preset, "--dry-run", "--quiet", "rules", shards=64, rounds=4)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^total +729$", done.stdout, flags=re.MULTILINE), done.stdout
    assert time.monotonic() - began < 15  # two on a laptop
