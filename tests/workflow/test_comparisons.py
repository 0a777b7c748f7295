"""What the ablation, changes and the ceiling train beside the run, and what they share with it."""

import re

import pytest
from PIL import Image

from tests.processes import copy_of_the_project
from tests.workflow.dry_runs import planned, snakemake

pytestmark = pytest.mark.slow


def test_the_ablation_shares_all_that_comes_before_training(fresh):
    done = snakemake(fresh, "ablation", "--dry-run", ablation={"seeds": 2})
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, flags=re.MULTILINE))
    shared = ("index", "masks", "saliency", "classify", "cam", "seed", "ablation")
    once = dict.fromkeys(shared, "1")
    assert counts == {
        **once,
        "ablation_train": "14",
        "train_round": "2",  # of the run itself, whose network is the last row's
        "ablation_refine": "1",
        "refine_round": "1",
        "ablation_predict": "16",
        "ablation_evaluate": "16",
        "total": "57",
    }


def test_changes_are_trained_beside_the_run_from_where_they_differ(fresh):
    changes = {
        "ema": {"train": {"ema_decay": 0.9}},
        "own": {"refine": {"labels_from": "segmentation"}},
    }
    done = snakemake(fresh, "changes", "--dry-run", ablation={"seeds": 1, "changes": changes})
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, flags=re.MULTILINE))

    assert "report" not in counts
    assert (counts["train_round"], counts["ablation_train"]) == ("2", "3")
    assert (counts["refine_round"], counts["ablation_refine"]) == ("2", "4")
    assert (counts["predict_round"], counts["ablation_predict"]) == ("2", "3")
    assert counts["ablation_evaluate"] == "9"


def test_changes_want_something_to_compare(fresh):
    done = snakemake(fresh, "changes", "--dry-run")

    assert done.returncode == 1
    assert "ablation.changes names nothing to compare the run with" in done.stdout + done.stderr


def test_a_change_that_cannot_be_is_told_before_anything_runs(fresh):
    wrong = {"branches": {"model": {"branches": "seg"}}}
    done = snakemake(fresh, "changes", "--dry-run", ablation={"changes": wrong})

    assert done.returncode == 2
    assert "1 fault\n  - ablation.changes.branches.model: affinity" in done.stderr


def test_a_ceiling_without_masks_is_refused_before_anything_is_learnt(tmp_path):
    project = copy_of_the_project(tmp_path)
    (project / "photos/images").mkdir(parents=True)
    Image.new("RGB", (6, 4)).save(project / "photos/images/tom.png")
    (project / "photos/labels.csv").write_text("image,labels\ntom,cat\n")
    data = {
        "index": {"dataset": "folder", "folder": {"root": "photos"}},
        "saliency": {"source": "u2netp"},
    }

    done = snakemake(project, "ceiling", "--cores", "1", **data)

    assert done.returncode != 0
    assert (
        "1 of 1 training photographs have no true mask, such as 'tom'" in done.stdout + done.stderr
    )
    assert not (project / "results/shapes/index.h5").exists()


def test_the_ceiling_shares_all_but_its_training_and_reads_true_masks(fresh):
    jobs = planned(fresh, "ceiling")
    assert sorted(jobs) == [
        "ablation_evaluate 0", "ablation_predict 0", "ablation_train 0",
        *("cam", "classify", "index", "masks", "saliency", "seed"),
    ]  # fmt: skip
    assert "--masks results/shapes/masks.h5" in jobs["ablation_train 0"]
