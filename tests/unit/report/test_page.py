import html
import re

import pandas as pd
import pytest
import yaml

from auxseg.report import tables
from auxseg.report.page import Page, Picture, render
from auxseg.report.provenance import Origin, configuration, supervision

COLUMNS = ["subject", "split", "scales", "flip", "crf", "images", "metric", "value"]
LABELS = ("labels", "train", "", "", "")
SINGLE = ("predictions", "val", "1", "False", "False")
FULL = ("predictions", "val", "0.5 1 1.5", "True", "True")
ROUNDS = {
    0: [
        (*LABELS, "259", "precision", "0.867123"),
        (*LABELS, "259", "miou", "0.513000"),
        (*SINGLE, "90", "miou", "0.520049"),
        (*FULL, "90", "miou", "0.537000"),
        ("saliency", "train", "", "", "", "259", "mae", "0.102400"),
    ],
    1: [
        (*LABELS, "259", "precision", "0.873000"),
        (*LABELS, "259", "miou", ""),
        ("saliency", "train", "", "", "", "259", "mae", ""),
    ],
}


def gathered(rounds=ROUNDS) -> pd.DataFrame:
    return tables.gather({n: pd.DataFrame(rows, columns=COLUMNS) for n, rows in rounds.items()})


def page(**changes) -> Page:
    table = gathered()
    values = {
        "title": "A run",
        "run": "demo",
        "folder": "results/demo/report",
        "classes": ["cat", "dog"],
        "colors": [(0, 0, 0), (128, 0, 0), (0, 128, 0)],
        "counts": {"train": 259, "val": 90},
        "rounds": 1,
        "final": tables.final_miou(table),
        "table": tables.by_round(table, range(2)),
        "per_class_columns": ["predictions 0, val"],
        "per_class": [("cat", ["51.2"])],
        "supervision": [("Image labels", "From a table.")],
        "plots": [Picture("data:,", "Lines.", "Losses.")],
        "figures": "data:text/csv,",
        "config": "data:application/yaml,",
        "gallery": '{"classes": [], "images": []}',
        "shown": 1,
        "pictured": 3,
        "panels": 1,
        "origins": [Origin("cam", "cam.h5", {"flip": True}, "today, auxseg 1")],
        "version": "1",
    }
    return Page(**{**values, **changes})


def text_of(markup: str) -> str:
    body = re.sub(r"<style>.*?</style>|<[^>]+>", " ", markup, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(body))


def test_the_table_by_round_holds_the_csvs_figures_and_a_dash_where_there_is_none():
    table = tables.by_round(gathered(), range(2))
    assert [(group.title, group.columns) for group in table.groups] == [
        (
            "Predictions, val (90 images), %",
            ("mIoU, single scale", "mIoU, multi-scale + flip + CRF"),
        ),
        ("Pseudo labels, train (259 images), %", ("precision", "mIoU")),
        ("Saliency, train (259 images)", ("MAE",)),
    ]
    assert table.rows == (
        (0, ("52.0", "53.7", "86.7", "51.3", "0.102")),
        (1, ("-", "-", "87.3", "-", "-")),
    )


def test_the_page_shows_the_rows_of_the_table():
    rows = re.findall(r"<tr><th scope=\"row\">0</th>(.*?)</tr>", render(page()), flags=re.S)
    assert re.findall(r"<td.*?>(.*?)</td>", rows[0]) == ["52.0", "53.7", "86.7", "51.3", "0.102"]


def test_the_headline_names_split_round_scales_crf_and_number_of_images():
    assert (
        "53.7 % val mIoU after round 0, multi-scale + flip + CRF (scales 0.5, 1, 1.5), 90 images"
        in text_of(render(page()))
    )


def test_the_page_says_how_ignored_pixels_count():
    assert "An ignored pixel counts as missed in recall and mIoU." in text_of(render(page()))


def test_without_figures_the_page_says_that_nothing_could_be_scored():
    empty = gathered({0: [], 1: []})
    unscored = page(
        final=tables.final_miou(empty), table=tables.by_round(empty, range(2)), per_class=[]
    )
    text = text_of(render(unscored))
    assert "not scored" in text
    assert "This data set has no true masks" in text
    assert "counts as missed" not in text


def test_classes_ids_titles_and_options_are_escaped():
    hostile = page(
        title="<b>bold</b>",
        classes=["<b>", "dog"],
        plots=[Picture("data:,", '"><script>', "<i>: cat")],
        origins=[Origin("cam", "cam.h5", {"key": "</pre><script>"})],
    )
    markup = render(hostile)
    assert "<b>" not in markup
    assert "<i>" not in markup
    assert markup.count("<script>") == 1  # the page's own
    assert "&lt;b&gt;" in markup


def test_the_page_loads_nothing_from_elsewhere_and_every_picture_has_an_alternative_text():
    markup = render(page())
    assert not re.search(r"https?://|<script src|<link", markup)
    drawn, _ = markup.split('<dialog id="viewer"')
    assert len(re.findall(r"<img [^>]*alt=\"[^\"]+\"", drawn)) == drawn.count("<img") == 1


def test_a_page_without_pictures_has_no_browser():
    markup = render(page(shown=0))
    assert "<script" not in markup
    assert 'id="pictures"' not in markup


def test_the_page_shows_each_artifacts_options_as_yaml():
    assert "flip: true" in render(page())


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (("1", "False", "False"), "single scale"),
        (("1", "true", "false"), "single scale + flip"),
        (("0.5 1", "True", "True"), "multi-scale + flip + CRF"),
        (("0.5", "False", "False"), "scale 0.5"),
        (("", "", ""), ""),
    ],
)
def test_variants_are_named_in_words(settings, name):
    assert tables.variant_name(*settings) == name


def test_per_class_figures_are_those_of_the_last_round_and_the_last_variant():
    columns = ["subject", "split", "scales", "flip", "crf", "class", "iou"]
    table = tables.gather(
        {
            0: pd.DataFrame(
                [(*LABELS, "cat", "0.1"), (*SINGLE, "cat", "0.2"), (*FULL, "cat", "0.3")],
                columns=columns,
            ),
            1: pd.DataFrame([(*LABELS, "cat", "0.4")], columns=columns),
        }
    )
    assert tables.by_class(tables.last_of_each_subject(table)) == (
        ["pseudo labels 1, train", "predictions 0, val, multi-scale + flip + CRF"],
        [("cat", ["40.0", "30.0"])],
    )


def origins(**options) -> dict[str, Origin]:
    return {stage: Origin(stage, f"{stage}.h5", values) for stage, values in options.items()}


def test_supervision_names_labels_saliency_and_weights():
    sentences = dict(
        supervision(
            origins(
                index={"dataset": "voc", "voc": {"labels": "csv", "labels_csv": "tags.csv"}},
                saliency={"source": "u2netp"},
                classify={"model": {"backbone": "resnet", "weights": "imagenet"}},
            ),
            masks=5,
        )
    )
    assert sentences["Image labels"].endswith("from tags.csv.")
    assert "DUTS-TR" in sentences["Saliency"]
    assert sentences["Initial weights"] == "resnet, trained on ImageNet's image labels."
    assert "no training here saw a pixel of them" in sentences["True masks"]


def test_supervision_names_labels_and_cams_of_other_methods_as_of_unknown_origin():
    labels = dict(supervision(origins(seed={"labels": "theirs"}), masks=5))
    cams = dict(supervision(origins(cam={"source": "maps", "maps": "clip"}), masks=5))

    assert labels["First labels"].startswith("Files in theirs: what taught the method")
    assert cams["CAMs"].startswith("Files in clip: what taught the method")
    for sentences in (labels, cams):
        assert sentences["True masks"].endswith("were made from them is not known here.")


@pytest.mark.parametrize(
    ("saliency", "maps"),
    [
        ({"source": "onnx", "onnx": {"model": "isnet.onnx"}}, "of the model isnet.onnx"),
        ({"source": "maps", "maps": "dss"}, "from dss"),
        ({"source": "maps"}, "of the data set"),
    ],
)
def test_the_teacher_of_somebodys_saliency_and_weights_is_said_to_be_unknown(saliency, maps):
    model = {"backbone": "resnet38d", "weights": "theirs.pth"}
    told = dict(
        supervision(
            origins(index={"dataset": "voc"}, saliency=saliency, classify={"model": model}), masks=5
        )
    )

    assert told["Saliency"].startswith(f"Class-agnostic maps {maps}: what taught the method")
    assert "Saliency models usually learn from pixel masks" in told["Saliency"]
    assert told["Initial weights"] == (
        "resnet38d, from theirs.pth: what taught it is not known here."
    )


def test_the_saliency_of_generated_scenes_is_said_to_come_from_true_outlines():
    sentences = dict(
        supervision(origins(index={"dataset": "shapes"}, saliency={"source": "maps"}), masks=5)
    )

    assert "from the scenes' true outlines" in sentences["Saliency"]


def test_the_options_of_all_stages_make_one_configuration():
    model = {"backbone": "resnet", "weights": "none"}
    text = configuration(
        origins(
            index={"dataset": "shapes"},
            classify={"epochs": 3, "model": model, "random_seed": 7},
            train={"epochs": 4, "model": {**model, "branches": "all"}, "random_seed": 7},
        ),
        rounds=2,
        report={"title": "Pets"},
    )

    assert yaml.safe_load(text) == {
        "rounds": 2,
        "random_seed": 7,
        "index": {"dataset": "shapes"},
        "model": {**model, "branches": "all"},
        "classify": {"epochs": 3},
        "train": {"epochs": 4},
        "report": {"title": "Pets"},
    }


def test_a_run_trained_on_true_masks_is_called_a_ceiling():
    sentences = dict(supervision(origins(train={"labels": "masks"}), masks=5))
    assert "not weakly supervised" in sentences["True masks"]


def test_a_run_without_masks_says_so():
    assert dict(supervision({}, masks=0))["True masks"] == "None in this data set."


def test_seeds_made_without_saliency_are_said_to_be():
    sentences = dict(supervision(origins(seed={"use_saliency": False}), masks=5))
    assert sentences["Saliency"].endswith("made without them.")


def test_groups_of_columns_are_told_apart_in_every_row():
    groups = (tables.Group("a", ("x", "y")), tables.Group("b", ("z",)))

    assert tables.RoundTable(groups, ()).first >= {0, 2}
    assert 1 not in tables.RoundTable(groups, ()).first


def test_a_run_that_could_not_be_scored_has_no_headline():
    figures = {0: [(*row[:-1], "") for row in ROUNDS[0]]}

    assert tables.final_miou(gathered(figures)) is None


def test_the_page_promises_no_pictures_that_it_has_not():
    nothing = tables.by_round(gathered({0: []}), range(1))

    text = text_of(render(page(shown=0, panels=0, table=nothing, final=None)))

    assert "The pictures below" not in text
    assert "panels/" not in text
