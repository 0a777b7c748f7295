"""Which jobs Snakemake plans: real dry runs of the real Snakefile, in a copy of the project.

The finished run is made of empty files that `snakemake --touch` takes for results: it records
their params and inputs as a real run does, so that every change is seen as it would be there.
"""

import importlib
import json
import re
import shlex
import subprocess
import sys
import time

import pytest
import yaml

from auxseg.config import parse_config, parse_stage_options, stage_options
from auxseg.stage_command import stage_command
from tests.processes import ROOT, copy_of_the_project

pytestmark = pytest.mark.slow

FIRST_ROUND = ["train 0", "predict 0", "evaluate 0"]
LATER_ROUNDS = ["refine 1", "train 1", "predict 1", "evaluate 1", "refine 2", "evaluate 2"]
ALL_ROUNDS = [*FIRST_ROUND, *LATER_ROUNDS]
FIRST_LABELS = ["index", "saliency", "classify", "cam", "seed"]
ALL_JOBS = [*FIRST_LABELS, "masks", *ALL_ROUNDS, "report"]
TEST_IMAGES = {"index": {"dataset": "voc", "voc": {"test_list": "test"}}}


def snakemake(folder, *arguments, **config):
    """Run Snakemake with two rounds; config as on its command line, sections as JSON."""
    values = {"rounds": 2, **config}
    pairs = [f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in values.items()]
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, "--config", *pairs],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def planned(folder, *arguments, **config):
    """{job: its description} of a dry run.

    A job is "cam"; of a round "train 1"; of a shard "cam_shard 1_of_3", or "refine_shard 1 1_of_3".
    """
    done = snakemake(folder, *arguments, "--dry-run", "--printshellcmds", **config)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = re.split(r"^rule (\w+):$", done.stdout + done.stderr, flags=re.MULTILINE)
    jobs = {}
    for rule, description in zip(parts[1::2], parts[2::2], strict=True):
        if "Shell command: auxseg" in description:
            number = re.search(r"wildcards:.* round=(\d+)", description)
            shard = re.search(r"/shards/(\d+_of_\d+)/", description.split("output: ")[1])
            place = [found[1] for found in (number, shard if "_shard" in rule else None) if found]
            jobs[" ".join([rule.removesuffix("_round"), *place])] = description
    return jobs


def plan(folder, *arguments, **config):
    return sorted(planned(folder, *arguments, **config))


def options_in(job):
    return re.search(r"--options (.*?) --threads", job)[1]


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """The project where nothing ran yet."""
    return copy_of_the_project(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The project after a run of two rounds."""
    return pretend_to_finish(copy_of_the_project(tmp_path_factory.mktemp("finished")))


def pretend_to_finish(folder, *targets):
    summary = snakemake(folder, *targets, "--summary")
    assert summary.returncode == 0, summary.stderr
    for line in summary.stdout.splitlines()[1:]:
        output = folder / line.split("\t")[0]
        file = output if output.suffix else output / "panel.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    touched = snakemake(folder, *targets, "--touch", "--forceall")
    assert touched.returncode == 0, touched.stderr
    return folder


# --- from nothing ---------------------------------------------------------------------------------


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


def test_the_report_asks_for_no_gpu_and_takes_none(fresh):
    job = planned(fresh)["report"]
    assert "gpu=0" in job
    assert "--device cpu" in job


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


def test_the_test_images_are_shared_by_shards(fresh):
    jobs = planned(fresh, "submission", shards=2, **TEST_IMAGES)
    last = jobs["predict_test_shard 2_of_2"]
    assert "--predictions results/shapes/test/shards/2_of_2/predictions.h5 --split test" in last
    assert "--shard 2/2" in last
    assert "--predictions results/shapes/test/predictions.h5" in jobs["predict_test"]
    assert "--shards 2" in jobs["predict_test"]


@pytest.mark.parametrize("index", [{}, {"dataset": "voc"}])
def test_a_submission_without_test_images_is_refused_before_anything_runs(fresh, index):
    done = snakemake(fresh, "submission", "--dry-run", index=index)
    assert done.returncode != 0
    assert "a submission needs VOC's test images: set index.dataset to voc" in done.stdout


def test_what_is_not_there_is_told_before_anything_runs(fresh):
    done = snakemake(fresh, "--dry-run", index={"dataset": "folder"})
    assert done.returncode == 0
    assert "auxseg: note: index.folder.root: my-photos is not there" in done.stderr


def test_pseudo_masks_are_made_of_all_labelled_images_by_the_last_network(fresh):
    jobs = planned(fresh, "pseudo_masks")
    assert "round1/weights.safetensors" in jobs["predict_labelled"]
    assert "--known-classes" in jobs["predict_labelled"]
    assert not {"--labels", "--saliency"} & set(jobs["evaluate_labelled"].split())
    assert not {"evaluate 0", "report"} & set(jobs)


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


def filled_in_profile(folder):
    """The profile of Slurm, its commented lines taken in, written to a folder."""
    text = (ROOT / "profiles/slurm/config.yaml").read_text()
    settings, start, block = text.partition("# default-resources:")
    filled_in = settings + re.sub("^# ", "", start + block, flags=re.MULTILINE)
    (folder / "config.yaml").write_text(filled_in)
    return yaml.safe_load(filled_in)


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


def test_the_ceiling_shares_all_but_its_training_and_reads_true_masks(fresh):
    jobs = planned(fresh, "ceiling")
    assert sorted(jobs) == [
        "ablation_evaluate 0", "ablation_predict 0", "ablation_train 0",
        *("cam", "classify", "index", "masks", "saliency", "seed"),
    ]  # fmt: skip
    assert "--masks results/shapes/masks.h5" in jobs["ablation_train 0"]


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


# --- after a finished run -------------------------------------------------------------------------


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


# --- faulty configurations ------------------------------------------------------------------------


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
