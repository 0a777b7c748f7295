"""The whole workflow, really run: tiny generated photographs, a tiny network, two rounds."""

import hashlib
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from auxseg.description import read_description
from auxseg.store import file_digest
from tests import processes
from tests.processes import SMALL, copy_of_the_project, finished

pytestmark = pytest.mark.slow

TINY = {
    **SMALL,
    "run": "tiny",
    "index": {"shapes": {"train": 12, "val": 6, "min_size": 48, "max_size": 64}},
    "classify": {"epochs": 1, "crop_size": 48},
    "cam": {"scales": [1.0]},
    "train": {"epochs": 1, "crop_size": 48},
    "predict": {"scales": [1.0]},
}


def snakemake(folder: Path, *arguments: str, **changes) -> subprocess.CompletedProcess[str]:
    return finished(processes.snakemake(*arguments, **{**TINY, **changes}), folder)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the tiny run is finished."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("project"))
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def digests(folder: Path) -> dict[str, str]:
    """Of every artifact in a folder."""
    files = (p for p in folder.rglob("*") if p.suffix in (".h5", ".safetensors", ".csv"))
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_every_stage_leaves_what_the_readme_says(project):
    run = project / "results/tiny"

    expected = [
        "index.h5", "masks.h5", "saliency.h5", "cam.h5",
        "classifier/weights.safetensors", "classifier/history.csv",
        "round0/labels.h5", "round0/weights.safetensors", "round0/predictions.h5",
        "round0/metrics.csv", "round1/labels.h5", "round1/saliency.h5",
        "round1/weights.safetensors", "round1/predictions.h5", "round1/per_class.csv",
        "round2/labels.h5", "round2/metrics.csv", "report/index.html", "report/metrics.csv",
    ]  # fmt: skip
    assert [name for name in expected if not (run / name).is_file()] == []
    assert not list(run.rglob("*.parts"))
    assert not list(run.rglob("*.tmp"))


def test_the_table_of_all_rounds_has_labels_saliency_and_predictions(project):
    table = pd.read_csv(project / "results/tiny/report/metrics.csv")

    rounds = table.groupby("subject")["round"].unique().map(sorted).to_dict()
    assert rounds == {"labels": [0, 1, 2], "predictions": [0, 1], "saliency": [0, 1, 2]}
    assert table.value.between(0, 1).all()


def test_the_report_of_snakemake_packs_the_page_with_all_its_pictures(project, tmp_path):
    done = snakemake(project, "--report", str(tmp_path / "packed.zip"))

    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(tmp_path / "packed.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith("/index.html")]
        pages = [archive.read(name) for name in names]
    assert pages == [(project / "results/tiny/report/index.html").read_bytes()]
    gallery = json.loads(re.search(rb'id="gallery">(.*?)</script>', pages[0])[1])
    assert len(gallery["images"]) == 12 + 6
    for image in gallery["images"]:
        for source in (image["photo"], *(layer["source"] for layer in image["layers"])):
            assert source.startswith("data:image/")


def test_each_round_says_which_weights_and_labels_it_learnt_from(project):
    run = project / "results/tiny"
    starts = [run / "classifier/weights.safetensors", run / "round0/weights.safetensors"]

    for number, start in enumerate(starts):
        description = read_description(run / f"round{number}/weights.safetensors")
        assert description["round"] == number
        assert description["inputs"]["initial_weights"] == file_digest(start)
        assert description["inputs"]["labels"] == file_digest(run / f"round{number}/labels.h5")


def test_changes_are_compared_with_the_runs_own_network(project):
    ablation = {"seeds": 1, "changes": {"slower": {"train": {"learning_rate": 1e-5}}}}
    done = snakemake(project, "changes", rounds=1, ablation=ablation)
    assert done.returncode == 0, done.stdout + done.stderr

    folder = project / "results/tiny/ablation"
    assert not list((folder / "unchanged").rglob("weights.safetensors"))  # the run has them
    weights = "round0/weights.safetensors"
    own = (project / "results/tiny" / weights).read_bytes()
    assert (folder / "slower/0" / weights).read_bytes() != own
    table = pd.read_csv(folder / "changes.csv")
    rounds = table.groupby(["network", "subject"])["round"].unique().map(list).to_dict()
    assert rounds == {
        (name, subject): numbers
        for name in ("slower", "unchanged")
        for subject, numbers in (("labels", [0, 1]), ("predictions", [0]))
    }
    assert (folder / "changes.md").read_text().count("| unchanged |") == 1

    ablation["changes"]["own"] = {"refine": {"labels_from": "segmentation"}}
    planned = snakemake(project, "changes", "--dry-run", rounds=1, ablation=ablation).stdout
    counts = dict(re.findall(r"^(\w+) +(\d+)$", planned, flags=re.MULTILINE))
    jobs = {"ablation_refine": "1", "ablation_evaluate": "2", "changes": "1", "total": "4"}
    assert counts == jobs


def test_a_second_run_does_nothing(project):
    before = digests(project / "results")

    done = snakemake(project)

    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr
    assert digests(project / "results") == before


def test_the_same_run_elsewhere_gives_the_same_maps(project):
    done = snakemake(project, "refine", run="again", rounds=1)

    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("index.h5", "cam.h5", "round0/labels.h5", "round1/labels.h5"):
        first, second = (file_digest(project / "results" / run / name) for run in ("tiny", "again"))
        assert first == second, name


def test_every_log_has_plain_lines_and_no_traceback(project):
    logs = list((project / "results/tiny/logs").glob("*.log"))

    assert {log.stem for log in logs} >= {"index", "classify", "train_round1", "refine_round2"}
    assert "epoch 1/1: learning_rate" in (project / "results/tiny/logs/classify.log").read_text()
    assert not any("Traceback" in log.read_text() or "\r" in log.read_text() for log in logs)


def test_a_missing_map_is_one_sentence_and_costs_no_earlier_artifact(project, tmp_path):
    maps = tmp_path / "maps"
    shutil.copytree(next((project / "data").glob("shapes-*/saliency")), maps)
    (maps / "train-0003.png").unlink()
    assert snakemake(project, "index", run="maps").returncode == 0
    before = digests(project / "results/maps")

    done = snakemake(project, run="maps", saliency={"maps": str(maps)})

    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"auxseg: error: saliency maps in {maps} cannot be used: 1 fault" in said
    assert "  - no saliency map for image 'train-0003'" in said
    after = digests(project / "results/maps")
    assert before
    assert {name: after.get(name) for name in before} == before


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"backbone": "vgg11"}, "use another output_stride or backbone."),
        ({"backbone": "test_efficientnot"}, "timm has no model 'test_efficientnot'"),
        ({"weights": "labels.csv"}, "labels.csv: not a readable weights file"),
    ],
)
def test_a_network_that_cannot_be_built_costs_nothing_that_is_finished(project, model, told):
    (project / "labels.csv").touch()
    before = digests(project / "results/tiny")

    done = snakemake(project, model=model)

    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "the run cannot start, and nothing was changed: 1 fault" in said
    assert told in said
    assert "Traceback" not in said
    assert digests(project / "results/tiny") == before


def test_without_masks_the_run_ends_with_a_report_that_says_so(project, tmp_path):
    photos = tmp_path / "my photos"
    source = next((project / "data").glob("shapes-*"))
    for name in ("images", "saliency"):
        shutil.copytree(source / name, photos / name)
    shutil.copy(source / "labels.csv", photos)

    done = snakemake(
        project,
        run="bare",
        rounds=1,
        index={"dataset": "folder", "folder": {"root": str(photos)}},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    page = (project / "results/bare/report/index.html").read_text()
    assert "This data set has no true masks" in page
    assert list((project / "results/bare/report/panels").glob("val-*.png"))


def test_coco_by_supercategory_runs_through_all_stages(project, coco_tiny):
    pytest.importorskip("onnxruntime")
    index = {"dataset": "coco", "coco": {
        "root": str(coco_tiny), "classes": "supercategories",
        "train_images": "train2017", "val_images": "val2017",
        "train_annotations": "annotations/instances_train2017.json",
        "val_annotations": "annotations/instances_val2017.json",
    }}  # fmt: skip
    index["longest_side"] = 64

    done = snakemake(
        project, run="coco", rounds=1, index=index, saliency={"source": "u2netp"},
        train={"epochs": 1, "crop_size": 64},
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    scored = pd.read_csv(project / "results/coco/round0/per_class.csv")
    assert scored["class"].nunique() == 13
