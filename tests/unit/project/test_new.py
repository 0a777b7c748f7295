"""A whole project, written in a copy of the workflow's folder."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from auxseg.config import STAGE_OPTIONS, parse_config, stage_options
from auxseg.datasets import folder
from auxseg.errors import UserError
from auxseg.project.new import new_project
from auxseg.project.plan import Request
from tests.processes import copy_of_the_project

ASKED = Request(Path("pets"), Path("photos"), Path("tags.csv"), Path("truth"), "pets")
WITHOUT_MASKS = replace(ASKED, masks=None)


@pytest.fixture
def here(my_photos, tmp_path, monkeypatch):
    """Where Snakemake runs, with photos/ of two cats and a dog, their truth/ and tags.csv."""
    (tmp_path / "here").mkdir()
    here = copy_of_the_project(tmp_path / "here")
    shutil.copytree(my_photos / "images", here / "photos")
    shutil.copytree(my_photos / "masks", here / "truth")
    (here / "tags.csv").write_text("image,cat,dog\ntom.jpg,1,0\nrex,0,1\nboth,1,1\n")
    monkeypatch.chdir(here)
    return here


def config_of(here):
    return yaml.safe_load((here / "pets/config.yaml").read_text(encoding="utf-8"))


def refusal_of(asked):
    with pytest.raises(UserError) as caught:
        new_project(asked)
    return str(caught.value)


def test_the_project_holds_labels_and_a_configuration_and_no_photograph(here):
    new_project(ASKED)

    assert sorted(path.name for path in (here / "pets").iterdir()) == ["config.yaml", "labels.csv"]
    assert (here / "pets/labels.csv").read_text() == (
        "image,labels,split\nboth.jpg,cat;dog,train\nrex.jpg,dog,train\ntom.jpg,cat,train\n"
    )


def test_the_data_set_that_the_configuration_names_is_faultless(here):
    new_project(ASKED)

    options = parse_config(config_of(here)).index.narrowed().folder
    data = folder.load(options)

    assert data.faults == ()
    assert data.classes == options.classes == ("cat", "dog")
    assert all(record.mask is not None for record in data.records)


def test_without_masks_the_configuration_names_none(here):
    new_project(WITHOUT_MASKS)

    assert config_of(here)["index"]["folder"] == {
        "root": "pets",
        "images": "photos",
        "classes": ["cat", "dog"],
    }


def test_the_configuration_alone_and_over_the_demo_is_the_same(here):
    new_project(ASKED)
    merged = yaml.safe_load((here / "config.yaml").read_text())
    update_config(merged, config_of(here))

    over, alone = parse_config(merged), parse_config(config_of(here))

    assert (over.run, over.rounds) == (alone.run, alone.rounds) == ("pets", 2)
    for stage in STAGE_OPTIONS:
        assert stage_options(over, stage) == stage_options(alone, stage)


def test_every_key_of_the_configuration_is_explained(here):
    new_project(ASKED)

    values = [line for line in (here / "pets/config.yaml").read_text().splitlines() if ": " in line]

    assert [line for line in values if "  # " not in line] == []


def test_what_was_found_and_what_to_run_is_told(here):
    told = new_project(WITHOUT_MASKS).splitlines()

    assert told[:5] == [
        "3 photographs in photos, longest sides of 6 pixels",
        "labels of tags.csv: a column of 0 and 1 for each class",
        "2 classes, with the photographs that show each: 1 cat (2 train); 2 dog (2 train)",
        "0 of 3 photographs have a true mask",
        "no split is named: 3 are trained on (train), 0 with a mask held out for evaluation (val)",
    ]
    assert "doubtful: few training photographs, below 5: cat (2), dog (2); add some." in told
    assert "wrote pets/labels.csv and pets/config.yaml: look at them, and change what you like" in (
        told
    )
    assert told[-1] == "Run it:  snakemake --configfile pets/config.yaml"


def test_a_rare_name_that_is_near_another_is_asked_about(here):
    (here / "tags.csv").write_text('image,labels\ntom,"cat, dog"\nrex,dog\nboth,catt\n')

    assert "cat (1; did you mean 'catt'?), catt (1; did you mean 'cat'?), dog (2)" in new_project(
        WITHOUT_MASKS
    )


def test_few_photographs_of_a_class_are_told(here):
    for number in range(7):
        shutil.copy("photos/tom.jpg", f"photos/tom{number}.jpg")
    rows = [f"tom{number},1,0" for number in range(7)]
    (here / "tags.csv").write_text("\n".join(["image,cat,dog", "tom,1,0", *rows, "rex,0,1", ""]))

    told = new_project(WITHOUT_MASKS)

    assert "doubtful: few training photographs, below 5: dog (1); add some." in told
    assert "doubtful: fewer than 50 training photographs: cat (8); no figure in README" in told


def test_a_photograph_that_is_cut_off_is_a_fault(here):
    photo = here / "photos/rex.jpg"
    photo.write_bytes(photo.read_bytes()[:-40])

    with pytest.raises(UserError, match=r"rex\.jpg: the image is truncated"):
        new_project(WITHOUT_MASKS)


def test_classes_and_photographs_that_are_left_aside_are_told(here):
    (here / "tags.csv").write_text("image,cat,dog,cow\ntom.jpg,1,0,0\nrex,0,0,0\nboth,1,1,0\n")

    told = new_project(WITHOUT_MASKS)

    assert "classes that no photograph shows, left out: cow\n" in told
    assert "photographs without a class, in split test: rex\n" in told
    assert "doubtful: every training photograph shows 'cat', so that nothing teaches what" in told


def test_pictures_of_formats_that_are_not_read_are_told(here):
    for name in ("a.HEIC", "shelf/b.heic", "c.gif", "notes.txt", ".d.gif"):
        (here / "photos" / name).parent.mkdir(exist_ok=True)
        (here / "photos" / name).touch()

    told = new_project(WITHOUT_MASKS)

    assert (
        "doubtful: pictures of formats that are not read: 1 .gif, 2 .heic; convert them to JPEG "
        "or PNG.\n"
    ) in told


def test_a_mask_that_contradicts_the_labels_is_told(here):
    (here / "tags.csv").write_text("image,labels,split\ntom,cat,val\nrex,dog,\nboth,dog,\n")
    shutil.copy("truth/rex.png", "truth/tom.png")

    told = new_project(ASKED)

    assert "doubtful: image 'tom': labelled cat, not in its mask." in told
    assert "no split is named" not in told


def test_a_folder_with_blanks_in_its_name_is_quoted_in_the_command(here):
    told = new_project(replace(ASKED, project=Path("my pets")))

    assert told.endswith("snakemake --configfile 'my pets/config.yaml'")


def test_nothing_is_written_where_anything_is_wrong(here):
    (here / "photos/rex.jpg").write_bytes(b"no image")
    (here / "tags.csv").write_text("image,labels\ntom,cat\nrex,dog\nboth,cat\ngone,cat\n")

    assert refusal_of(ASKED).splitlines() == [
        "tags.csv (class names in column 'labels'; rows of the same photograph add up) cannot be "
        "used: 2 faults",
        "  - tags.csv line 5: no photograph 'gone' in photos; add it or remove the row.",
        "  - photos/rex.jpg: not an image that can be read; save it as JPEG or PNG.",
    ]
    assert not (here / "pets").exists()


@pytest.mark.parametrize("folders", [False, True])
def test_a_photograph_that_labels_csv_would_not_find_again_is_refused(here, folders):
    (here / "photos/ cat").mkdir()
    shutil.copy("photos/tom.jpg", "photos/ cat/a.jpg")
    (here / "tags.csv").write_text("image,labels\ntom,cat\nrex,dog\n")

    told = refusal_of(replace(WITHOUT_MASKS, labels=None if folders else ASKED.labels))

    assert "  - photos/ cat/a.jpg: its name begins with a blank, which tables lose" in told


@pytest.mark.parametrize("name", ["tags.csv", "tags.json"])
def test_names_that_are_not_utf8_are_one_sentence(here, name):
    texts = {
        "tags.csv": "image,labels\ntom,Kätzchen\n",
        "tags.json": '{"categories": [{"id": 1, "name": "Kätzchen"}]}',
    }
    Path(name).write_bytes(texts[name].encode("latin-1"))
    start = texts[name].index("ä")

    told = refusal_of(replace(WITHOUT_MASKS, labels=Path(name)))

    assert told == f"{name}: byte {start} is not UTF-8; save the file as UTF-8 text."


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("pets/config.yaml", "pets/config.yaml: is there already; name another PROJECT"),
        ("pets/labels.csv", "pets/labels.csv: is there already; name another PROJECT"),
        ("results/pets/index.h5", "results/pets: is there already; name another --run"),
    ],
)
def test_what_is_there_already_is_never_overwritten(here, name, told):
    (here / name).parent.mkdir(parents=True)
    (here / name).write_text("mine")

    assert refusal_of(ASKED) == f"{told}, or remove it."
    assert (here / name).read_text() == "mine"


def test_away_from_the_workflow_nothing_is_written(here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert refusal_of(ASKED).startswith("config.yaml: no such file here; run auxseg new where you")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"run": "my pets"}, "'my pets' cannot be a run's name, which holds letters, digits, '-'"),
        ({"project": Path("p\udcff")}, "PROJECT: 'p\\udcff' is not UTF-8; rename the folder."),
        ({"images": Path("p\udcff")}, "--images: 'p\\udcff' is not UTF-8; rename the folder."),
        ({"masks": Path("p\udcff")}, "--masks: 'p\\udcff' is not UTF-8; rename the folder."),
        ({"images": Path("nowhere")}, "--images: nowhere: no such folder."),
        ({"masks": Path("nowhere")}, "--masks: nowhere: no such folder."),
        ({"masks": Path("photos")}, "photos: lies within the folder of photographs"),
        ({"project": Path("photos/new")}, "photos/new: lies within the folder of photographs"),
    ],
    ids=[
        "run",
        "text",
        "text images",
        "text masks",
        "images",
        "masks",
        "masks in images",
        "project in images",
    ],
)
def test_what_cannot_be_is_refused(here, change, sentence):
    assert sentence in refusal_of(replace(ASKED, **change))


def test_nobody_is_advised_to_remove_the_labels_that_are_asked_for(here):
    (here / "pets").mkdir()
    (here / "pets/labels.csv").write_text((here / "tags.csv").read_text())

    told = refusal_of(replace(ASKED, labels=Path("pets/labels.csv")))

    assert told == "pets/labels.csv: is there already; name another PROJECT."


def test_a_class_of_the_backgrounds_name_is_refused(here):
    (here / "tags.csv").write_text("image,cat,Background\ntom.jpg,1,0\nrex,0,1\nboth,1,1\n")

    assert "class 'Background': the background is no class to learn" in refusal_of(ASKED)
