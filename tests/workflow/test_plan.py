"""Which jobs Snakemake plans where nothing ran yet, and with which options."""

import importlib
import json
import re
import shlex

import pytest
import yaml
from PIL import Image

from auxseg.config import parse_config, parse_stage_options, stage_options
from auxseg.stage_command import stage_command
from tests.processes import copy_of_the_project
from tests.workflow.dry_runs import ALL_JOBS, FIRST_LABELS, TEST_IMAGES, plan, planned, snakemake

pytestmark = pytest.mark.slow


def test_the_default_target_runs_every_stage(fresh):
    assert plan(fresh) == sorted(ALL_JOBS)


def test_a_stage_with_one_job_is_a_target(fresh):
    assert plan(fresh, "cam") == ["cam", "classify", "index"]


def test_a_stage_of_rounds_is_a_target_for_all_rounds(fresh):
    assert plan(fresh, "refine") == sorted(
        [
            "index",
            "saliency",
            "classify",
            "cam",
            "seed",
            "train 0",
            "refine 1",
            "train 1",
            "refine 2",
        ]
    )


def test_an_artifact_is_a_target(fresh):
    assert plan(fresh, "results/shapes/round0/labels.h5") == sorted(FIRST_LABELS)


def test_training_does_not_wait_for_figures(fresh):
    jobs = plan(fresh, "train")
    assert not {"evaluate 0", "predict 0", "report"} & set(jobs)


def test_only_evaluation_and_report_read_true_masks(fresh):
    inputs = re.compile(r"^    input: .*masks\.h5", flags=re.MULTILINE)
    readers = [job for job, text in planned(fresh).items() if inputs.search(text)]
    assert sorted(readers) == ["evaluate 0", "evaluate 1", "evaluate 2", "report"]


def test_training_on_true_masks_reads_them_and_no_pseudo_labels(fresh):
    jobs = planned(fresh, train={"labels": "masks"})
    assert "--masks results/shapes/masks.h5" in jobs["train 0"]
    assert "--labels" not in jobs["train 0"]


def test_the_first_round_starts_from_the_classifier_and_later_ones_from_the_round_before(fresh):
    jobs = planned(fresh)
    first = "--saliency results/shapes/saliency.h5 --initial-weights results/shapes/classifier/"
    later = "--saliency results/shapes/round1/saliency.h5 --initial-weights results/shapes/round0/"
    assert f"{first}weights.safetensors --round-number 0 " in jobs["train 0"]
    assert f"{later}weights.safetensors --round-number 1 " in jobs["train 1"]


def test_every_round_may_start_from_the_classifier(fresh):
    jobs = planned(fresh, train={"start_from": "classifier"})
    assert "--initial-weights results/shapes/classifier/" in jobs["train 1"]


def test_refinement_always_starts_from_the_coarse_saliency(fresh):
    assert "--saliency results/shapes/saliency.h5" in planned(fresh)["refine 2"]


def test_maps_of_another_method_need_no_classifier(fresh):
    jobs = planned(fresh, "cam", cam={"source": "maps", "maps": "theirs"})
    assert sorted(jobs) == ["cam", "index"]
    assert "--weights" not in jobs["cam"]


def test_labels_of_another_method_need_neither_cam_nor_saliency(fresh):
    jobs = planned(fresh, "seed", seed={"labels": "theirs"})
    assert sorted(jobs) == ["index", "seed"]
    assert not {"--cam", "--saliency"} & set(jobs["seed"].split())
    assert "cam" not in plan(fresh, seed={"labels": "theirs"})


def test_seeds_of_cams_alone_need_no_saliency(fresh):
    assert plan(fresh, "seed", seed={"use_saliency": False}) == ["cam", "classify", "index", "seed"]


def test_a_submission_predicts_the_test_images_with_the_last_network(fresh):
    jobs = planned(fresh, "submission", **TEST_IMAGES)
    assert "round1/weights.safetensors" in jobs["predict_test"]
    assert "--split test" in jobs["predict_test"]
    assert "results/shapes/test/comp6_test_cls.tar.gz" in jobs["submission"]
    assert "--variant multiscale+crf" in jobs["submission"]
    plain = planned(fresh, "submission", predict={"use_crf": False}, **TEST_IMAGES)
    assert "--variant multiscale " in plain["submission"]
    once = {"use_crf": False, "scales": [1.0], "flip": False}
    single = planned(fresh, "submission", predict=once, **TEST_IMAGES)
    assert "--variant single " in single["submission"]


@pytest.mark.parametrize("index", [{}, {"dataset": "voc"}])
def test_a_submission_without_test_images_is_refused_before_anything_runs(fresh, index):
    done = snakemake(fresh, "submission", "--dry-run", index=index)
    assert done.returncode != 0
    assert "a submission needs VOC's test images: set index.dataset to voc" in done.stdout


def test_what_is_not_there_is_told_before_anything_runs(fresh):
    done = snakemake(fresh, "--dry-run", index={"dataset": "folder"})
    assert done.returncode == 0
    assert "auxseg: note: index.folder.root: my-photos is not there" in done.stderr


def test_braces_in_the_name_of_an_input_are_refused(tmp_path):
    weights = tmp_path / "{best}.safetensors"
    weights.touch()
    done = snakemake(copy_of_the_project(tmp_path), model={"weights": str(weights)})
    assert done.returncode == 2
    assert done.stderr.endswith(
        f"error: model.weights: {weights}: Snakemake takes a name in braces for a wildcard; rename "
        f"the file or its folder.\n"
    )


def test_pseudo_masks_are_made_of_all_labelled_images_by_the_last_network(fresh):
    jobs = planned(fresh, "pseudo_masks")
    assert "round1/weights.safetensors" in jobs["predict_labelled"]
    assert "--known-classes" in jobs["predict_labelled"]
    assert not {"--labels", "--saliency"} & set(jobs["evaluate_labelled"].split())
    assert not {"evaluate 0", "report"} & set(jobs)


@pytest.mark.parametrize("shards", [1, 3])
def test_every_rule_calls_its_stage_as_the_stage_expects(fresh, shards):
    config = parse_config(yaml.safe_load((fresh / "config.yaml").read_text()))
    for job, text in planned(fresh, train={"labels": "masks"}, shards=shards).items():
        command = re.search(r"auxseg (.*?) 2>&1 \| tee", text)[1]
        stage, *arguments = shlex.split(command)
        module = importlib.import_module(f"auxseg.stages.{stage}")
        context = stage_command(stage, module).make_context(stage, arguments)
        given = parse_stage_options(stage, context.params["options"])
        if stage == "train":
            given = given.model_copy(update={"labels": "pseudo"})
        assert stage == job.split()[0].removesuffix("_shard")
        assert given == stage_options(config, stage)


def test_a_preset_over_the_demo_takes_a_folder_from_the_command_line(fresh):
    jobs = planned(
        fresh,
        "--configfile",
        "workflow/presets/voc-animals.yaml",
        index={"voc": {"root": "photos of mine"}},
    )
    options = re.search(r"--options '(.*?)'", jobs["index"])[1]
    voc = json.loads(options)["voc"]
    assert (voc["root"], voc["train_list"]) == ("photos of mine", "mini_train")


def test_a_faulty_data_set_is_told_once_where_jobs_are_tried_again(tmp_path):
    project = copy_of_the_project(tmp_path)
    (project / "photos/images").mkdir(parents=True)
    for number in (1, 2):
        (project / f"photos/images/{number}.jpg").write_bytes(b"no photograph")
    (project / "photos/labels.csv").write_text(
        "image,split,labels\n1.jpg,train,cat\n2.jpg,val,cat\n"
    )
    index = {"dataset": "folder", "folder": {"root": "photos"}}

    done = snakemake(project, "index", "--cores", "1", "--retries", "2", index=index, shards=2)

    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "the data set cannot be used: 2 faults" in said
    assert said.count("Error in rule index:") == 1
    assert "Missing files" not in said


def test_a_slip_in_the_labels_costs_nothing_that_is_finished(tmp_path):
    project = copy_of_the_project(tmp_path)
    (project / "my photos/images").mkdir(parents=True)
    Image.new("RGB", (6, 4)).save(project / "my photos/images/tom.jpg")
    table = project / "my photos/labels.csv"
    index = {"dataset": "folder", "folder": {"root": "my photos"}}
    table.write_text("image,labels\ntom,cat\n")
    done = snakemake(project, "index", "--cores", "1", index=index)
    assert done.returncode == 0, done.stdout + done.stderr
    before = (project / "results/shapes/index.h5").read_bytes()

    table.write_text("image,labels\ntmo,cat\n")
    done = snakemake(project, "index", "--cores", "1", index=index)

    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "the run cannot start, and nothing was changed: 3 faults" in said
    assert "labels.csv line 2: no photograph 'tmo' in my photos/images; add it or" in said
    assert (project / "results/shapes/index.h5").read_bytes() == before


def test_a_faulty_configuration_stops_with_the_key_and_the_mend_before_anything_runs(fresh):
    done = snakemake(fresh, "--dry-run", train={"epochz": 3}, rounds=0)
    lines = done.stderr.splitlines()
    assert done.returncode == 2
    assert lines[-3:] == [
        "auxseg: error: config is not valid: 2 faults",
        "  - rounds: 0 is not allowed: input should be greater than or equal to 1",
        "  - train.epochz: unknown key (did you mean 'epochs'?)",
    ]
    assert "Traceback" not in done.stderr
