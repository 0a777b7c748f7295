import base64
import html
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from auxseg.config import ReportOptions
from auxseg.errors import UserError
from auxseg.report.panels import TILE, TITLE_HEIGHT
from auxseg.runtime import Runtime
from auxseg.stages import report
from tests.unit.stages.black_run import (
    HEIGHT,
    IDS,
    METRICS,
    PER_CLASS,
    ROUNDS,
    WIDTH,
    make_run,
    write_maps,
)
from tests.unit.status.finished_run import write_weights


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_run(tmp_path)


def write_report(folder: Path, **options) -> Path:
    """Without affinities: this run has no network."""
    page = folder / "report" / "index.html"
    report.run(
        ReportOptions(affinities=0, **options),
        folder=folder,
        rounds=ROUNDS,
        labelled_rounds=ROUNDS + 1,
        page=page,
        runtime=Runtime(1),
    )
    return page


def gallery_of(markup: str) -> dict:
    found = re.search(r'<script type="application/json" id="gallery">(.*?)</script>', markup)
    return json.loads(found[1])


def plots_of(markup: str) -> list[str]:
    """The alternative texts of the page's plots."""
    found = re.findall(r'<img src="data:image/png[^"]*" alt="([^"]*)"', markup)
    return [html.unescape(text) for text in found]


def decoded(url: str) -> bytes:
    return base64.b64decode(url.split("base64,")[1])


def test_the_report_consists_of_page_table_plots_and_panels(folder):
    page = write_report(folder)
    written = sorted(str(p.relative_to(page.parent)) for p in page.parent.rglob("*.*"))
    assert written == [
        "config.yaml",
        "index.html",
        "metrics.csv",
        "panels/train-01-t_1.png",
        "panels/train-02-t_2_.png",
        "panels/val-01-v1.png",
        "plots/losses.png",
        "plots/miou.png",
        "plots/per_class.png",
        "plots/pseudo_labels.png",
        "plots/saliency.png",
    ]


def test_labels_of_another_method_leave_no_cam_to_show(folder):
    (folder / "cam.h5").unlink()
    maps = dict.fromkeys(IDS["train"], np.zeros((HEIGHT, WIDTH), np.uint8))
    write_maps(folder / "round0" / "labels.h5", "labels", maps)

    markup = write_report(folder).read_text()

    assert "made: seed" not in markup
    assert "cam.h5" not in markup
    shown = gallery_of(markup)["images"][0]["layers"]
    assert [layer["title"] for layer in shown][:2] == ["Saliency", "Labels, round 0"]


def test_metrics_of_all_rounds_are_one_table_with_the_figures_letter_for_letter(folder):
    page = write_report(folder)
    assert (page.parent / "metrics.csv").read_text().splitlines() == [
        "round,subject,split,scales,flip,crf,images,metric,value",
        "0,labels,train,,,,2,miou,0.123456",
        "0,predictions,val,1,False,False,1,miou,0.654321",
        "1,labels,train,,,,2,miou,0.123456",
        "1,predictions,val,1,False,False,1,miou,0.654321",
        "2,labels,train,,,,2,miou,0.123456",
    ]


def test_the_page_holds_all_its_pictures(folder):
    images = gallery_of(write_report(folder).read_text())["images"]

    assert [image["id"] for image in images] == [*IDS["train"], *IDS["val"]]
    for image in images:
        for source in (image["photo"], *(layer["source"] for layer in image["layers"])):
            assert Image.open(io.BytesIO(decoded(source))).size == (WIDTH, HEIGHT)


def test_where_there_are_too_many_they_lie_beside_it(folder, monkeypatch):
    monkeypatch.setattr("auxseg.report.gallery.EMBEDDED_BYTES", 100)
    page = write_report(folder)
    images = gallery_of(page.read_text())["images"]
    named = {source for i in images for source in (i["photo"], *(x["source"] for x in i["layers"]))}

    assert named == {f"pictures/{p.name}" for p in (page.parent / "pictures").iterdir()}

    monkeypatch.undo()
    write_report(folder)
    assert not (page.parent / "pictures").exists()


def test_the_page_refers_to_no_other_file(folder):
    markup = write_report(folder).read_text()
    addresses = re.findall(r'(?:href|src|photo|source)"?(?:=|: )"([^"]*)"', markup)

    assert len(addresses) > 20
    assert [a for a in addresses if not a.startswith(("data:", "#"))] == []


def test_the_page_hands_out_the_figures_and_the_configuration_beside_it(folder):
    page = write_report(folder)
    for name, saved_as in (("metrics.csv", "metrics.csv"), ("config.yaml", "demo-config.yaml")):
        url = re.search(rf'href="([^"]*)" download="{saved_as}"', page.read_text())[1]
        assert decoded(url) == (page.parent / name).read_bytes()
    assert f"snakemake --configfile {page.parent}/config.yaml --config run=" in page.read_text()


def test_training_is_told_as_its_last_round_recorded_it(folder):
    """The first round's options lack what only later rounds read."""
    for number, start_from in enumerate(("previous", "classifier")):
        history = folder / f"round{number}/history.csv"
        losses = history.read_bytes()
        write_weights(folder, history.parent.name, {}, start_from=start_from)
        history.write_bytes(losses)

    settings = yaml.safe_load((write_report(folder).parent / "config.yaml").read_text())

    assert settings["train"]["start_from"] == "classifier"


def test_an_image_of_the_page_has_the_figures_of_its_last_labels_or_prediction(folder):
    train, _, val = gallery_of(write_report(folder).read_text())["images"]

    # Labels: the left half ignored, all else background. Prediction: 2 where the mask is 1.
    assert (train["iou"], train["ignored"]) == (0.5, 0.5)
    assert (val["iou"], val["ignored"]) == (0.3333, None)
    assert (train["classes"], train["present"]) == ([0], [1])
    assert (val["classes"], val["present"]) == ([0], [1, 2])


def test_a_training_panel_shows_image_saliency_cam_labels_of_every_round_and_mask(folder):
    page = write_report(folder)
    panel = Image.open(page.parent / "panels" / "train-01-t_1.png")
    columns = round((panel.width + 10) / (TILE + 10))
    assert columns == 3 + ROUNDS + 1 + 1
    image, saliency, _, first, *_, mask = (
        panel.getpixel((column * (TILE + 10) + 10, TITLE_HEIGHT + 64)) for column in range(columns)
    )
    assert image == (0, 0, 0)
    assert saliency == (255, 255, 255)
    assert first in ((191, 191, 191), (112, 112, 112))
    assert mask == (96, 0, 0)


def test_an_evaluation_panel_shows_the_last_variant_of_every_rounds_prediction(folder):
    page = write_report(folder)
    panel = Image.open(page.parent / "panels" / "val-01-v1.png")
    columns = round((panel.width + 10) / (TILE + 10))
    assert columns == 1 + ROUNDS + 1
    assert panel.getpixel((TILE + 10 + 10, TITLE_HEIGHT + 64)) == (0, 150, 30)


def test_the_page_escapes_class_names_and_shows_special_ids(folder):
    markup = write_report(folder).read_text()
    assert "<b>" not in markup
    assert "&lt;b&gt;" in markup
    assert [c["name"] for c in gallery_of(markup)["classes"]] == ["background", "<b>", "dog"]


def test_the_page_shows_the_options_of_artifacts_and_of_weights(folder):
    markup = write_report(folder).read_text()
    assert "made: cam" in markup
    assert "epochs: 7" in markup


def test_without_masks_the_report_says_so_and_keeps_its_pictures(folder):
    write_maps(folder / "masks.h5", "masks", {})
    for number in range(ROUNDS + 1):
        round_folder = folder / f"round{number}"
        pd.DataFrame(columns=METRICS).to_csv(round_folder / "metrics.csv", index=False)
        pd.DataFrame(columns=PER_CLASS).to_csv(round_folder / "per_class.csv", index=False)
    page = write_report(folder)
    markup = page.read_text()
    assert "This data set has no true masks" in markup
    assert "None in this data set." in markup
    assert [image["iou"] for image in gallery_of(markup)["images"]] == [None] * 3
    (losses,) = plots_of(markup)
    assert losses.startswith("Line plots of every loss")
    assert (page.parent / "plots" / "miou.png").exists()


def test_with_masks_of_val_alone_the_page_shows_the_plots_of_its_figures(folder):
    for number in range(ROUNDS + 1):
        for name in ("metrics.csv", "per_class.csv"):
            path = folder / f"round{number}" / name
            table = pd.read_csv(path)
            table[table["split"] == "val"].to_csv(path, index=False)

    page = write_report(folder)

    losses, miou, per_class = plots_of(page.read_text())
    assert losses.startswith("Line plots of every loss")
    assert miou.startswith("Line plot of the predictions' mIoU")
    assert per_class.startswith("Bars of each class's IoU")
    assert len(list((page.parent / "plots").iterdir())) == 5  # the workflow wants all


def test_panels_of_an_earlier_report_are_removed(folder):
    page = write_report(folder)
    write_report(folder, panels=1)
    assert sorted(p.name for p in (page.parent / "panels").iterdir()) == [
        "train-01-t_1.png",
        "val-01-v1.png",
    ]


def test_no_panels_leave_an_empty_folder(folder):
    page = write_report(folder, panels=0)
    assert list((page.parent / "panels").iterdir()) == []


def test_without_a_gallery_the_page_has_no_pictures(folder):
    assert 'id="pictures"' not in write_report(folder, gallery=0).read_text()


def test_the_same_run_gives_the_same_bytes(folder):
    page = write_report(folder)
    before = {p: p.read_bytes() for p in page.parent.rglob("*.*")}
    write_report(folder)
    assert before == {p: p.read_bytes() for p in page.parent.rglob("*.*")}


def test_a_missing_round_is_named(folder):
    (folder / "round1" / "metrics.csv").unlink()
    with pytest.raises(UserError, match=r"round1/metrics\.csv: no such table"):
        write_report(folder)


def test_a_report_that_fails_leaves_no_page(folder):
    (folder / "cam.h5").unlink()
    with pytest.raises(UserError, match=r"cam\.h5"):
        write_report(folder)
    assert not (folder / "report" / "index.html").exists()


def test_pictures_are_whole_images(folder):
    page = write_report(folder)
    for path in page.parent.rglob("*.png"):
        Image.open(io.BytesIO(path.read_bytes())).load()


def test_files_of_others_stay_where_the_page_is_written(folder):
    theirs = [folder / "report" / name for name in ("pictures/2023-01-05.jpg", "panels/plan.png")]
    for path in theirs:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"theirs")

    write_report(folder)

    assert all(path.read_bytes() == b"theirs" for path in theirs)
