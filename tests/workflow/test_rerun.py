"""What Snakemake runs again after a finished run.

The finished run is made of empty files that `snakemake --touch` takes for results: it records
their params and inputs as a real run does, so that every change is seen as it would be there.
"""

import json
import os
import re

import pytest
import yaml

from tests.processes import copy_of_the_project
from tests.workflow.dry_runs import (
    ALL_JOBS,
    ALL_ROUNDS,
    LATER_ROUNDS,
    options_in,
    plan,
    planned,
    snakemake,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The project after a run of two rounds."""
    return pretend_to_finish(copy_of_the_project(tmp_path_factory.mktemp("finished")))


def pretend_to_finish(folder, *targets, **config):
    summary = snakemake(folder, *targets, "--summary", **config)
    assert summary.returncode == 0, summary.stderr
    for line in summary.stdout.splitlines()[1:]:
        output = folder / line.split("\t")[0]
        file = output if output.suffix else output / "panel.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    touched = snakemake(folder, *targets, "--touch", "--forceall", **config)
    assert touched.returncode == 0, touched.stderr
    return folder


def test_a_second_run_does_nothing(finished):
    assert plan(finished) == []


def test_another_number_of_cores_reruns_nothing(finished):
    assert plan(finished, "--cores", "1") == []


@pytest.mark.parametrize("target", ["pseudo_masks", "results/shapes/test/predictions.h5"])
def test_masks_of_the_last_network_are_made_anew_where_another_is_the_last(tmp_path, target):
    folder = pretend_to_finish(copy_of_the_project(tmp_path), target)
    assert plan(folder, target) == []
    assert any(job.startswith("predict_") for job in plan(folder, target, rounds=1))


@pytest.mark.parametrize("shards", [3, 8])
def test_another_number_of_shards_reruns_nothing(finished, shards):
    assert plan(finished, shards=shards) == []


def test_a_changed_key_reruns_the_shards_of_the_stages_that_read_it(finished):
    jobs = plan(finished, shards=2, refine={"use_crf": False})
    rerun = ["refine_shard", "predict_shard"]
    assert {job.split()[0] for job in jobs if "_shard" in job} == set(rerun)


def test_the_same_value_written_otherwise_reruns_nothing(finished):
    config = yaml.safe_load((finished / "config.yaml").read_text())
    rate = f"{config['train']['learning_rate']:.5e}"
    scales = [f"{scale:.3f}" for scale in config["cam"]["scales"]]

    assert plan(finished, train={"learning_rate": rate}, cam={"scales": scales}) == []


def test_options_of_a_data_set_that_is_not_used_rerun_nothing(finished):
    assert plan(finished, index={"voc": {"root": "elsewhere"}}) == []


def test_options_of_a_saliency_model_that_is_not_used_rerun_nothing(finished):
    assert plan(finished, saliency={"onnx": {"size": 288}}) == []
    other = {"source": "u2netp", "maps": "elsewhere", "onnx": {"model": "elsewhere"}}
    used = planned(finished, saliency={"source": "u2netp"})
    assert options_in(planned(finished, saliency=other)["saliency"]) == options_in(used["saliency"])


@pytest.mark.parametrize("stage", ["refine", "predict"])
def test_constants_of_a_crf_that_is_not_used_are_not_read(finished, stage):
    plain = planned(finished, **{stage: {"use_crf": False}})
    other = planned(finished, **{stage: {"use_crf": False, "crf": {"bilateral_srgb": 9}}})
    assert options_in(other[f"{stage} 1"]) == options_in(plain[f"{stage} 1"])


@pytest.mark.parametrize(
    ("config", "jobs"),
    [
        ({"index": {"shapes": {"train": 100}}}, ALL_JOBS),
        ({"saliency": {"source": "u2netp"}}, ["saliency", "seed", *ALL_ROUNDS, "report"]),
        ({"random_seed": 1}, ["classify", "cam", "seed", *ALL_ROUNDS, "report"]),
        ({"classify": {"epochs": 3}}, ["classify", "cam", "seed", *ALL_ROUNDS, "report"]),
        ({"cam": {"flip": False}}, ["cam", "seed", *ALL_ROUNDS, "report"]),
        ({"seed": {"cam_threshold": 0.3}}, ["seed", *ALL_ROUNDS, "report"]),
        ({"model": {"affinity": "none"}}, [*ALL_ROUNDS, "report"]),
        ({"train": {"epochs": 2}}, [*ALL_ROUNDS, "report"]),
        ({"train": {"start_from": "classifier"}}, [*LATER_ROUNDS[1:], "report"]),
        ({"refine": {"use_crf": False}}, [*LATER_ROUNDS, "report"]),
        (
            {"predict": {"use_crf": False}},
            ["predict 0", "predict 1", "evaluate 0", "evaluate 1", "report"],
        ),
        (
            {"evaluate": {"saliency": False}},
            ["evaluate 0", "evaluate 1", "evaluate 2", "report"],
        ),
        ({"report": {"title": 'it\'s {braced}, "quoted" & $paid'}}, ["report"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_changed_key_reruns_the_stages_that_read_it_and_those_behind(finished, config, jobs):
    assert plan(finished, **config) == sorted(jobs)


def test_one_more_round_runs_that_round_and_the_report(finished):
    new = ["train 2", "predict 2", "evaluate 2", "refine 3", "evaluate 3", "report"]
    assert plan(finished, rounds=3) == sorted(new)


def test_one_round_less_rescores_its_labels_without_a_network_and_rewrites_the_report(finished):
    assert plan(finished, rounds=1) == ["evaluate 1", "report"]


def test_another_run_is_apart_from_the_finished_one(finished):
    assert plan(finished, run="second") == sorted(ALL_JOBS)


def test_the_report_of_snakemake_shows_page_metrics_curves_and_panels_with_captions(finished):
    done = snakemake(finished, "--report", "page.html")
    assert done.returncode == 0, done.stderr
    page = (finished / "page.html").read_text(encoding="utf-8")
    categories = json.loads(re.search(r"var categories = (\{.*?\});", page)[1])
    assert list(categories) == ["Report", "Metrics", "Curves", "Panels"]
    assert "an ignored pixel counts as missed" in page


def test_the_share_of_saliency_reruns_masks_of_known_classes_alone(finished):
    assert plan(finished, predict={"saliency_share": 0.1}) == []


def test_a_change_that_takes_another_networks_weights_is_made_anew(tmp_path):
    def with_change(**change):
        return {"seeds": 1, "changes": {"x": {"predict": {"flip": False}, **change}}}

    table = "results/shapes/ablation/changes.csv"
    of_its_own = with_change(train={"ema_decay": 0.9})
    folder = copy_of_the_project(tmp_path)
    pretend_to_finish(folder, table, ablation=of_its_own)
    for file in (folder / "results").rglob("*.*"):
        os.utime(file, (1, 1))  # as if the run itself had been first
    assert plan(folder, table, ablation=of_its_own) == []

    jobs = plan(folder, table, ablation=with_change())

    assert {"ablation_predict 0", "ablation_predict 1", "ablation_evaluate 0"} <= set(jobs)
    assert not any("train" in job or "refine" in job for job in jobs)
