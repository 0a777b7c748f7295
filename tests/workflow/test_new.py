"""`auxseg new` as users call it, on generated photographs, up to the jobs that Snakemake plans."""

import json
import re
import shutil
import sys

import pytest
import yaml

from auxseg.config import ShapesOptions
from auxseg.datasets.shapes import generate
from auxseg.datasets.tables import read_csv
from tests.processes import auxseg, copy_of_the_project, finished

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The project with scenes/: 24 photographs of six classes, as many masks, and labels.csv."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("new"))
    options = ShapesOptions(root=str(folder / "data"), train=18, val=6, min_size=48, max_size=64)
    shutil.move(generate(options), folder / "scenes")
    return folder


def new(here, name, *arguments):
    done = finished(auxseg("new", name, *arguments), here)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def planned(here, name):
    """{rule: number of jobs} of a dry run of the command that was told."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--dry-run",
        "--configfile",
        f"{name}/config.yaml",
    ]
    done = finished(command, here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is not there" not in done.stderr
    table = (done.stdout + done.stderr).split("Job stats:")[1].split("total")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def test_photographs_in_folders_become_a_run(here):
    for row in read_csv(here / "scenes/labels.csv", ("image", "labels", "split"))[0]:
        place = here / "by-class" / row.cells["labels"].split()[0] / row.cells["image"]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(here / "scenes/images" / row.cells["image"], place)

    told = new(here, "sorted", "--images", "by-class")

    assert "labels of by-class: a folder for each class" in told
    assert planned(here, "sorted")["train_round"] == 2
    options = json.dumps(yaml.safe_load((here / "sorted/config.yaml").read_text())["index"])
    done = finished(auxseg("index", "--index", "index.h5", "--options", options), here)
    assert done.returncode == 0, done.stderr


def test_a_table_and_masks_become_a_run_that_is_evaluated(here):
    table = (here / "scenes/labels.csv").read_text().replace(",train", ",").replace(",val", ",")
    (here / "tags.csv").write_text(table)
    paths = ("--images", "scenes/images", "--labels", "tags.csv", "--masks", "scenes/masks")

    told = new(here, "table", *paths, "--run", "evaluated")

    assert re.search(r"(\d+) are trained on \(train\), 4 with a mask held out", told)[1] == "20"
    assert planned(here, "table")["evaluate_round"] == 3
    again = finished(auxseg("new", "table", *paths), here)
    assert again.returncode == 2
    assert again.stderr.startswith("auxseg: error: table/config.yaml: is there already;")
