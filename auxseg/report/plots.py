"""The report's plots, drawn without a display; each function gives the bytes of one PNG.

A plot that would have nothing in it is None.
"""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator

from auxseg.report.fonts import font_file, writable
from auxseg.report.plot_style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SOFT,
    VERMILION,
    WIDTH,
    dress,
    legend_above,
    png,
)
from auxseg.report.tables import with_variants

_QUALITY = {
    "precision": ("precision", BLUE),
    "recall": ("recall", ORANGE),
    "miou": ("mIoU", GREEN),
    "ignored": ("ignored", GREY),
}
_SALIENCY_QUALITY = {
    "max_f": ("max-F", BLUE),
    "s_measure": ("S-measure", GREEN),
    "iou": ("IoU at 0.5", ORANGE),
    "mae": ("MAE", VERMILION),
}


def plot_losses(histories: Mapping[str, pd.DataFrame]) -> bytes:
    """A small plot a loss, a line a training, smoothed over a twentieth of its steps.

    Args:
        histories: training ("classifier", "round 0", ...) -> a row a step, numeric.
    """
    names = _loss_names(histories)
    columns = min(3, len(names))
    lines = math.ceil(len(names) / columns)
    figure = Figure(figsize=(WIDTH, 0.7 + 2.0 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    colors = _training_colors(list(histories))
    for axis, name in zip(axes, names, strict=False):
        for training, history in histories.items():
            if name in history:
                _draw_loss(axis, history, name, colors[training])
        axis.set_ylim(bottom=0)
        dress(axis, "total" if name == "loss" else name.replace("_", " "))
    for axis in axes[len(names) :]:
        axis.remove()
    for axis in axes[max(0, len(names) - columns) : len(names)]:
        axis.set_xlabel("epoch", color=SOFT, size=9)
    legend_above(figure, colors)
    return png(figure)


def plot_miou(table: pd.DataFrame) -> bytes | None:
    """The predictions' mIoU by round, a line a variant.

    Args:
        table: all rounds' metrics, as text.
    """
    rows = with_variants(_scored(table, "predictions", ["miou"]))
    if rows.empty:
        return None
    variants = list(dict.fromkeys(rows["variant"]))
    colors = dict(zip(variants, (GREY, BLUE, VERMILION, PURPLE), strict=False))
    series = {name: _by_round(rows[rows["variant"] == name]) for name in variants}
    title = f"mIoU of predictions on {_scope(rows)}, %"
    return png(_round_lines(series, colors, title, "trained in round"))


def plot_pseudo_labels(table: pd.DataFrame) -> bytes | None:
    """Precision, recall, mIoU and ignored share of the pseudo labels by round.

    Args:
        table: all rounds' metrics, as text.
    """
    return _round_measures(table, "labels", _QUALITY, "Pseudo labels")


def plot_saliency(table: pd.DataFrame) -> bytes | None:
    """Max-F, S-measure, IoU and mean absolute error of the saliency by round.

    Args:
        table: all rounds' metrics, as text.
    """
    return _round_measures(table, "saliency", _SALIENCY_QUALITY, "Saliency")


def plot_per_class(table: pd.DataFrame) -> bytes | None:
    """Bars of the last round's IoU of each class.

    Args:
        table: per-class rows of one round of labels and one variant of predictions, as text.
    """
    if table.empty:
        return None
    classes = list(dict.fromkeys(table["class"]))
    figure = Figure(figsize=(WIDTH, 1.0 + 0.44 * len(classes)), layout="constrained")
    axis = figure.subplots()
    colors: dict[str, str] = {}
    subjects = [s for s in ("labels", "predictions") if (table["subject"] == s).any()]
    for number, subject in enumerate(subjects):
        rows = table[table["subject"] == subject]
        color = {"labels": ORANGE, "predictions": BLUE}[subject]
        what = "pseudo labels" if subject == "labels" else "predictions"
        colors[f"{what} {rows['round'].iloc[0]}, {rows['split'].iloc[0]}"] = color
        values = 100 * pd.to_numeric(rows.set_index("class")["iou"]).reindex(classes).to_numpy()
        places = np.arange(len(classes)) + 0.36 * (number - (len(subjects) - 1) / 2)
        axis.barh(places, np.nan_to_num(values), height=0.33, color=color)
        for place, value in zip(places, values, strict=True):
            text = "none" if np.isnan(value) else f"{value:.0f}"
            axis.text(np.nan_to_num(value) + 0.8, place, text, va="center", size=7, color=SOFT)
    names = [writable(name, number) for number, name in enumerate(classes)]
    axis.set_yticks(np.arange(len(classes)), names, parse_math=False)
    for label in axis.get_yticklabels():
        label.set_fontproperties(FontProperties(fname=font_file(label.get_text())))
    axis.set_ylim(len(classes) - 0.4, -0.6)
    axis.set_xlim(0, 105)
    dress(axis, "", grid="x")
    axis.set_xlabel("IoU, %", color=SOFT, size=9)
    axis.tick_params(axis="y", labelcolor=INK, labelsize=9)
    legend_above(figure, colors)
    return png(figure)


def no_plot() -> bytes:
    """A sentence, for where a file must be of a plot that is None."""
    figure = Figure(figsize=(WIDTH, 1.2))
    sentence = "Nothing was scored for this plot."
    figure.text(0.5, 0.5, sentence, ha="center", va="center", color=SOFT)
    return png(figure)


def smooth(values: np.ndarray) -> np.ndarray:
    """Centred running mean over a twentieth of the values, shorter at both ends."""
    window = max(1, len(values) // 20)
    return pd.Series(values).rolling(window, center=True, min_periods=1).mean().to_numpy()


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Heights for text beside lines: in the same order, at least `gap` apart, moved little."""
    order = np.argsort(heights, kind="stable")
    placed = np.asarray(heights, dtype=float)[order]
    for _ in range(50):
        for below in range(len(placed) - 1):
            lack = gap - (placed[below + 1] - placed[below])
            if lack > 0:
                placed[below] -= lack / 2
                placed[below + 1] += lack / 2
    result = np.empty_like(placed)
    result[order] = placed
    return result.tolist()


def _scored(table: pd.DataFrame, subject: str, metrics: Collection[str]) -> pd.DataFrame:
    """The rows of a subject's metrics that have a value."""
    wanted = (table["subject"] == subject) & table["metric"].isin(list(metrics))
    return table[wanted & (table["value"] != "")]


def _loss_names(histories: Mapping[str, pd.DataFrame]) -> list[str]:
    found = dict.fromkeys(name for history in histories.values() for name in history.columns)
    return [name for name in found if name not in ("epoch", "step", "learning_rate")]


def _training_colors(trainings: list[str]) -> dict[str, str]:
    """The classifier in grey, rounds from dark to light."""
    rounds = [name for name in trainings if name != "classifier"]
    places = np.linspace(0.05, 0.8, max(2, len(rounds)))
    shades = {n: colormaps["viridis"](p) for n, p in zip(rounds, places, strict=False)}
    return {name: shades.get(name, GREY) for name in trainings}


def _draw_loss(axis: Axes, history: pd.DataFrame, name: str, color: str) -> None:
    epochs = int(history["epoch"].nunique())
    at = np.arange(1, len(history) + 1) * epochs / len(history)
    values = history[name].to_numpy(dtype=float)
    axis.plot(at, values, color=color, alpha=0.18, linewidth=0.5)
    axis.plot(at, smooth(values), color=color, linewidth=1.5)


def _round_measures(
    table: pd.DataFrame, subject: str, measures: Mapping[str, tuple[str, str]], words: str
) -> bytes | None:
    """A line a measure of a subject over rounds.

    Args:
        table: all rounds' metrics, as text.
        subject: that is measured.
        measures: metric -> (its word, colour); those without rows are left out.
        words: for the subject, to begin the title with.
    """
    rows = _scored(table, subject, measures)
    if rows.empty:
        return None
    series = {
        word: _by_round(rows[rows["metric"] == metric])
        for metric, (word, _) in measures.items()
        if (rows["metric"] == metric).any()
    }
    title = f"{words} against the true masks of {_scope(rows)}, %"
    return png(_round_lines(series, dict(measures.values()), title, f"{subject} of round"))


def _round_lines(
    series: Mapping[str, tuple[list[int], list[float]]],
    colors: Mapping[str, str],
    title: str,
    axis_title: str,
) -> Figure:
    """A line a series over rounds, from 0; its name and last value stand at its end."""
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    axis = figure.subplots()
    for name, (rounds, values) in series.items():
        axis.plot(rounds, values, color=colors[name], linewidth=1.8, marker="o", markersize=4.5)
    low, high = 0.0, max(4.0, axis.get_ylim()[1])
    axis.set_ylim(low, high)
    last = max(rounds[-1] for rounds, _ in series.values())
    ends = [values[-1] for _, values in series.values()]
    for (name, height), end in zip(
        zip(series, spread(ends, (high - low) * 0.07), strict=True), ends, strict=True
    ):
        axis.annotate(
            f"{name}  {end:.1f}",
            (last, height),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            color=colors[name],
            size=9,
            annotation_clip=False,
        )
    axis.set_xlabel(axis_title, color=SOFT, size=9)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_xlim(-0.15, last + 0.15)
    dress(axis, title)
    return figure


def _by_round(rows: pd.DataFrame) -> tuple[list[int], list[float]]:
    ordered = rows.assign(round=rows["round"].astype(int)).sort_values("round")
    return ordered["round"].tolist(), (100 * pd.to_numeric(ordered["value"])).tolist()


def _scope(rows: pd.DataFrame) -> str:
    last = rows.iloc[-1]
    return f"{last['split']} ({last['images']} images)"
