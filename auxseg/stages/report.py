"""Writes the page that shows a run: figures by round, curves, and a browser of its pictures.

Reads:  of the run's folder: index.h5, masks.h5, saliency.h5, cam.h5, the classifier's history and
        weights' description, every round's history, labels, predictions and metrics, and the last
        network, for the affinity of a few images.
Writes: the page, which holds all that it shows, and beside it metrics.csv (all rounds),
        config.yaml (what made the run), plots/*.png, panels/*.png and, where they are too many to
        be part of the page, pictures/.
"""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from auxseg import __version__
from auxseg.config import ReportOptions
from auxseg.datasets.index_file import Entry, Index, read_index
from auxseg.images import encoded, fit, scaled_size
from auxseg.report import plots, tables
from auxseg.report.affinity_map import AffinityMap, coarse_affinity
from auxseg.report.gallery import FOLDER as PICTURES
from auxseg.report.gallery import PATTERN as PICTURE
from auxseg.report.gallery import Shown, gallery, show
from auxseg.report.layers import data_url
from auxseg.report.origins import is_fused, origins_of
from auxseg.report.page import Page, Picture, render
from auxseg.report.panels import PATTERN as PANEL
from auxseg.report.panels import choose, compose, file_name
from auxseg.report.provenance import configuration, supervision
from auxseg.report.tiles import Maps, tiles_of
from auxseg.runtime import Runtime, place, progress
from auxseg.store import MapReader, write_atomically

if TYPE_CHECKING:
    from auxseg.nn.network import AuxSegNet

# name -> (alternative text, caption)
_PLOTS = {
    "losses": (
        "Line plots of every loss over the epochs of the classifier and of each round.",
        "Training losses: a running mean over a twentieth of the steps, the single steps faint.",
    ),
    "miou": (
        "Line plot of the predictions' mIoU by round, a line for each way of predicting.",
        "Predictions by round.",
    ),
    "pseudo_labels": (
        "Line plot of precision, recall, mIoU and ignored share of the pseudo labels by round.",
        "Pseudo labels by round. An ignored pixel counts as missed in recall and mIoU.",
    ),
    "saliency": (
        "Line plot of max-F, S-measure, IoU and mean absolute error of the saliency by round.",
        "Saliency by round: coarse in round 0, then refined. Of the error less is better.",
    ),
    "per_class": (
        "Bars of each class's IoU, of pseudo labels and predictions as far as they were scored.",
        "Last pseudo labels and last predictions, class by class, as far as they were scored.",
    ),
}
_AFFINITY_SIDE = 512  # pixels: the affinity of larger photographs has too many positions
AffinityOf = Callable[[np.ndarray], AffinityMap | None]


def run(
    options: ReportOptions,
    *,
    folder: Path,
    rounds: int,
    labelled_rounds: int,
    page: Path,
    runtime: Runtime,
) -> None:
    """Write the page last, so that a page that is there has all that lies beside it.

    Args:
        options: title, and how many pictures.
        folder: of the run.
        rounds: trainings, each with predictions.
        labelled_rounds: sets of pseudo labels: one more where the last network made some.
        page: the page's file.
        runtime: threads and device of the network.
    """
    index = read_index(folder / "index.h5")
    metrics = _all_rounds(folder, labelled_rounds, "metrics.csv")
    classes = tables.last_of_each_subject(_all_rounds(folder, labelled_rounds, "per_class.csv"))
    histories = _histories(folder, rounds)
    origins = origins_of(folder, rounds, refined=labelled_rounds > 1)
    affinity_of = _affinity_of(folder / f"round{rounds - 1}/weights.safetensors", runtime)
    with ExitStack() as stack:
        maps = _open_maps(folder, rounds, labelled_rounds, stack)
        page.unlink(missing_ok=True)  # its panels and pictures are about to go
        pictures = _write_pictures(page.parent, index, maps, options, affinity_of)

    figures = metrics.to_csv(index=False).encode()
    settings = configuration(origins, rounds, options.model_dump(mode="json")).encode()
    write_atomically(page.parent / "metrics.csv", figures)
    write_atomically(page.parent / "config.yaml", settings)
    shown_plots = _write_plots(page.parent, _drawn(histories, metrics, classes))
    columns, rows = tables.by_class(classes)
    content = Page(
        title=options.title,
        run=folder.resolve().name,
        folder=page.parent.as_posix(),
        classes=index.classes,
        colors=index.palette,
        counts=dict(Counter(entry.split for entry in index.entries)),
        rounds=rounds,
        final=tables.final_miou(metrics),
        table=tables.by_round(metrics, range(labelled_rounds)),
        per_class_columns=columns,
        per_class=rows,
        supervision=supervision(origins, pictures.masks),
        plots=shown_plots,
        figures=data_url(figures, ".csv"),
        config=data_url(settings, ".yaml"),
        gallery=pictures.gallery,
        shown=pictures.shown,
        pictured=pictures.pictured,
        panels=options.panels,
        origins=list(origins.values()),
        version=__version__,
    )
    write_atomically(page, render(content).encode())


def _all_rounds(folder: Path, labelled_rounds: int, name: str) -> pd.DataFrame:
    return tables.gather(
        {r: tables.read_text_table(folder / f"round{r}" / name) for r in range(labelled_rounds)}
    )


def _histories(folder: Path, rounds: int) -> dict[str, pd.DataFrame]:
    """Every training's losses, the classifier's first."""
    paths = {"classifier": folder / "classifier" / "history.csv"}
    paths |= {f"round {r}": folder / f"round{r}" / "history.csv" for r in range(rounds)}
    return {name: tables.read_text_table(p).astype(float) for name, p in paths.items()}


def _open_maps(folder: Path, rounds: int, labelled_rounds: int, stack: ExitStack) -> Maps:
    def reader(path: str, kind: str) -> MapReader:
        return stack.enter_context(MapReader(folder / path, kind))

    labels = [reader(f"round{r}/labels.h5", "labels") for r in range(labelled_rounds)]
    return Maps(
        masks=reader("masks.h5", "masks"),
        saliency=reader("saliency.h5", "saliency"),
        cam=reader("cam.h5", "cam") if is_fused(labels[0]) else None,
        labels=labels,
        predictions=[reader(f"round{r}/predictions.h5", "predictions") for r in range(rounds)],
    )


@dataclass(frozen=True)
class _Pictures:
    """What the page holds and says of its pictures, as `Page` has it, and how many true masks."""

    gallery: str
    shown: int
    pictured: int
    masks: int


def _write_pictures(
    folder: Path, index: Index, maps: Maps, options: ReportOptions, affinity_of: AffinityOf
) -> _Pictures:
    """Write the panels, and the pictures that the page does not hold, in place of earlier ones."""
    splits = _pictured(index, maps)
    _write_panels(folder / "panels", index, maps, splits, options.panels)
    shown = list(_shown(index, maps, splits, options, affinity_of))
    browser = gallery(shown, index)
    _remove((folder / PICTURES).glob(PICTURE))
    with suppress(OSError):  # missing, or not empty
        (folder / PICTURES).rmdir()
    for name, content in browser.files.items():
        write_atomically(folder / name, content)
    pictured = sum(len(entries) for entries in splits.values())
    return _Pictures(browser.data, len(shown), pictured, len(maps.masks))


def _pictured(index: Index, maps: Maps) -> dict[str, list[Entry]]:
    """The entries that there are maps of, by split."""
    shown = [e for e in index.entries if e.id in maps.labels[0] or e.id in maps.predictions[-1]]
    splits = dict.fromkeys(entry.split for entry in shown)
    return {split: [entry for entry in shown if entry.split == split] for split in splits}


def _write_panels(
    folder: Path, index: Index, maps: Maps, splits: Mapping[str, list[Entry]], count: int
) -> None:
    """Write the panels of every split, in place of earlier ones."""
    folder.mkdir(parents=True, exist_ok=True)
    _remove(folder.glob(PANEL))
    for split, entries in splits.items():
        chosen = choose(entries, count)
        for number, entry in enumerate(progress(chosen, f"panels {split}", len(chosen)), 1):
            tiles, present = tiles_of(entry, entry.photograph(), maps, index.palette)
            panel = compose(tiles, present, index.classes, index.palette)
            content = encoded(panel, "PNG", optimize=True)
            write_atomically(folder / file_name(entry, number), content)


def _shown(
    index: Index,
    maps: Maps,
    splits: Mapping[str, list[Entry]],
    options: ReportOptions,
    affinity_of: AffinityOf,
) -> Iterator[Shown]:
    """The images of the browser, some of them with their affinity."""
    for split, entries in splits.items():
        chosen = choose(entries, options.gallery)
        asked = {entry.id for entry in choose(chosen, options.affinities)}
        for entry in progress(chosen, f"pictures {split}", len(chosen)):
            photo = entry.photograph()
            affinity = affinity_of(photo) if entry.id in asked else None
            yield show(entry, photo, maps, index, affinity)


def _affinity_of(weights: Path, runtime: Runtime) -> AffinityOf:
    """From a photograph to the network's affinity; the network is loaded when it is first asked."""

    @functools.cache
    def network() -> "AuxSegNet":
        from auxseg.nn.weights import load_network  # here: a page without affinities needs no torch

        loaded, _ = load_network(weights)
        place(loaded, runtime)
        return loaded

    def affinity_of(photo: np.ndarray) -> AffinityMap | None:
        from auxseg.nn.inference import dense_affinity

        small = fit(photo, scaled_size(photo.shape[:2], _AFFINITY_SIDE))
        found = dense_affinity(network(), small)
        return None if found is None else coarse_affinity(*found)

    return affinity_of


def _remove(files: Iterable[Path]) -> None:
    """Remove what an earlier page had: no more, as the folder may hold another's files too."""
    for file in list(files):
        file.unlink()


def _drawn(
    histories: Mapping[str, pd.DataFrame], metrics: pd.DataFrame, classes: pd.DataFrame
) -> dict[str, bytes | None]:
    return {
        "losses": plots.plot_losses(histories),
        "miou": plots.plot_miou(metrics),
        "pseudo_labels": plots.plot_pseudo_labels(metrics),
        "saliency": plots.plot_saliency(metrics),
        "per_class": plots.plot_per_class(classes),
    }


def _write_plots(folder: Path, drawn: Mapping[str, bytes | None]) -> list[Picture]:
    """Write a file for every plot, as the workflow names them all before any figure is known.

    Returns:
        What the page shows: those with something in them.
    """
    for name, content in drawn.items():
        write_atomically(folder / f"plots/{name}.png", content or plots.no_plot())
    return [
        Picture(data_url(content, ".png"), *_PLOTS[name])
        for name, content in drawn.items()
        if content is not None
    ]
