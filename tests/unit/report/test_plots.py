import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from PIL import Image

from auxseg.report import plots

COLUMNS = ["round", "subject", "split", "scales", "flip", "crf", "images", "metric", "value"]
SINGLE = ("1", "False", "False")
FULL = ("0.5 1", "True", "True")


@pytest.fixture
def drawn(monkeypatch):
    """Every line's y values, every text and title that a plot draws."""
    seen = {"lines": [], "texts": [], "titles": []}
    plot, annotate, title, text = Axes.plot, Axes.annotate, Axes.set_title, Axes.text

    def record_plot(self, x, y, **options):
        seen["lines"].append(list(y))
        return plot(self, x, y, **options)

    def record_annotate(self, words, *places, **options):
        seen["texts"].append(words)
        return annotate(self, words, *places, **options)

    def record_title(self, words, **options):
        seen["titles"].append(words)
        return title(self, words, **options)

    def record_text(self, x, y, words, **options):
        seen["texts"].append(words)
        return text(self, x, y, words, **options)

    monkeypatch.setattr(Axes, "plot", record_plot)
    monkeypatch.setattr(Axes, "annotate", record_annotate)
    monkeypatch.setattr(Axes, "set_title", record_title)
    monkeypatch.setattr(Axes, "text", record_text)
    return seen


def picture(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def metric_rows(*rows: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


def history(steps: int, **losses: float) -> pd.DataFrame:
    epochs = np.arange(steps) // max(1, steps // 2)
    return pd.DataFrame({"epoch": epochs, "step": np.arange(steps), "learning_rate": 0.1, **losses})


def test_losses_have_a_plot_each_with_a_line_for_every_training_that_has_it(drawn):
    histories = {
        "classifier": history(4, loss=2.0, classification=2.0),
        "round 0": history(4, loss=5.0, classification=1.0, segmentation=4.0),
    }
    plots.plot_losses(histories)
    assert drawn["titles"] == ["total", "classification", "segmentation"]
    smoothed = [line for line in drawn["lines"] if line][1::2]
    assert smoothed == [[2.0] * 4, [5.0] * 4, [2.0] * 4, [1.0] * 4, [4.0] * 4]


def test_a_history_of_one_step_is_drawn():
    one = pd.DataFrame({"epoch": [0.0], "step": [0.0], "learning_rate": [0.1], "loss": [1.0]})
    assert picture(plots.plot_losses({"classifier": one})).width > 1000


def test_miou_has_a_line_for_each_variant_in_percent_named_with_its_last_value(drawn):
    rows = metric_rows(
        ("0", "predictions", "val", *SINGLE, "90", "miou", "0.5"),
        ("0", "predictions", "val", *FULL, "90", "miou", "0.55"),
        ("1", "predictions", "val", *SINGLE, "90", "miou", "0.6"),
        ("1", "predictions", "val", *FULL, "90", "miou", "0.654"),
    )
    plots.plot_miou(rows)
    assert drawn["lines"] == [pytest.approx([50, 60]), pytest.approx([55, 65.4])]
    assert drawn["texts"] == ["single scale  60.0", "multi-scale + flip + CRF  65.4"]
    assert drawn["titles"] == ["mIoU of predictions on val (90 images), %"]


def test_pseudo_labels_show_all_four_measures_in_the_order_of_rounds(drawn):
    values = {"precision": "0.9", "recall": "0.5", "miou": "0.45", "ignored": "0.2"}
    rows = [
        (number, "labels", "train", "", "", "", "259", metric, value)
        for number in ("10", "2")
        for metric, value in values.items()
    ]
    rows[-1] = (*rows[-1][:-1], "0.1")
    plots.plot_pseudo_labels(metric_rows(*rows))
    assert drawn["lines"][-1] == pytest.approx([10, 20])
    assert sorted(text.split()[0] for text in drawn["texts"]) == [
        "ignored",
        "mIoU",
        "precision",
        "recall",
    ]


def test_saliency_shows_its_measures_by_round_and_leaves_out_what_was_not_scored(drawn):
    rows = metric_rows(
        ("0", "labels", "train", "", "", "", "259", "miou", "0.5"),
        ("0", "saliency", "train", "", "", "", "259", "mae", "0.2"),
        ("0", "saliency", "train", "", "", "", "259", "max_f", "0.7"),
        ("1", "saliency", "train", "", "", "", "259", "mae", "0.125"),
        ("1", "saliency", "train", "", "", "", "259", "max_f", "0.75"),
    )
    plots.plot_saliency(rows)
    assert drawn["lines"] == [pytest.approx([70, 75]), pytest.approx([20, 12.5])]
    assert drawn["texts"] == ["max-F  75.0", "MAE  12.5"]
    assert drawn["titles"] == ["Saliency against the true masks of train (259 images), %"]


def test_per_class_bars_carry_their_value_and_a_class_without_one_says_none(drawn):
    table = pd.DataFrame(
        {
            "round": ["2", "2"],
            "subject": ["labels", "labels"],
            "split": ["train", "train"],
            "class": ["background", "$cat_1$"],
            "iou": ["0.914", ""],
        }
    )
    picture(plots.plot_per_class(table))
    assert drawn["texts"] == ["91", "none"]


@pytest.mark.parametrize(
    "plot",
    [plots.plot_miou, plots.plot_pseudo_labels, plots.plot_saliency, plots.plot_per_class],
)
def test_without_masks_there_is_no_plot(plot):
    assert plot(metric_rows()) is None


@pytest.mark.parametrize(
    ("plot", "subject", "metric"),
    [
        (plots.plot_miou, "predictions", "miou"),
        (plots.plot_pseudo_labels, "labels", "precision"),
        (plots.plot_saliency, "saliency", "max_f"),
    ],
)
def test_figures_without_a_value_are_no_plot(plot, subject, metric):
    assert plot(metric_rows(("0", subject, "val", *SINGLE, "90", metric, ""))) is None


def test_the_file_of_no_plot_is_a_sentence():
    assert picture(plots.no_plot()).height < 300


def test_the_same_figures_give_the_same_bytes():
    rows = metric_rows(("0", "predictions", "val", *SINGLE, "90", "miou", "0.5"))
    assert plots.plot_miou(rows) == plots.plot_miou(rows)


def test_smoothing_keeps_the_length_and_averages_a_twentieth():
    values = np.arange(60, dtype=float)
    smoothed = plots.smooth(values)
    assert len(smoothed) == 60
    assert smoothed[30] == 30.0
    assert smoothed[0] == 0.5


def test_labels_beside_lines_keep_their_order_and_distance():
    assert plots.spread([50.0, 10.0, 50.0], 4.0) == pytest.approx([48.0, 10.0, 52.0])
    assert plots.spread([1.0, 9.0], 4.0) == [1.0, 9.0]
