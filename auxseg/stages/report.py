"""Writes the page that shows a run: figures by round, curves, and picture panels.

Reads:  of the run's folder: index.h5, masks.h5, saliency.h5, cam.h5, the classifier's history and
        weights' description, and every round's history, labels, predictions and metrics.
Writes: the page, and beside it metrics.csv (all rounds), config.yaml (what made the run),
        plots/*.png and panels/*.png.
"""

import io
import shutil
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

from auxseg import __version__
from auxseg.config import ReportOptions
from auxseg.datasets.index_file import Entry, Index, read_index
from auxseg.report import plots, tables
from auxseg.report.origins import is_fused, origins_of
from auxseg.report.page import Page, PanelGroup, Picture, render
from auxseg.report.panels import choose, compose, file_name
from auxseg.report.provenance import configuration, supervision
from auxseg.report.tiles import Maps, tiles_of
from auxseg.runtime import progress
from auxseg.store import MapReader, write_atomically

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
    "per_class": (
        "Bars of each class's IoU, pseudo labels beside predictions.",
        "Last pseudo labels beside the last predictions, class by class.",
    ),
}
_SHOWN = 0.7  # a panel's pixels are more than a page needs: sharp on dense screens


def run(
    options: ReportOptions, *, folder: Path, rounds: int, labelled_rounds: int, page: Path
) -> None:
    """Write the page last, so that a page that is there has all its pictures.

    Args:
        options: title and number of panels.
        folder: of the run.
        rounds: trainings, each with predictions.
        labelled_rounds: sets of pseudo labels: one more where the last network made some.
        page: the page's file.
    """
    index = read_index(folder / "index.h5")
    metrics = _all_rounds(folder, labelled_rounds, "metrics.csv")
    classes = tables.last_of_each_subject(_all_rounds(folder, labelled_rounds, "per_class.csv"))
    histories = _histories(folder, rounds)
    origins = origins_of(folder, refined=labelled_rounds > 1)
    with ExitStack() as stack:
        maps = _open_maps(folder, rounds, labelled_rounds, stack)
        page.unlink(missing_ok=True)  # its pictures are about to go
        groups = _write_panels(page.parent / "panels", index, maps, options.panels)
        masks = len(maps.masks)

    write_atomically(page.parent / "metrics.csv", metrics.to_csv(index=False).encode())
    settings = configuration(origins, rounds)
    write_atomically(page.parent / "config.yaml", settings.encode())
    drawn = {
        "losses": plots.plot_losses(histories),
        "miou": plots.plot_miou(metrics),
        "per_class": plots.plot_per_class(classes),
        "pseudo_labels": plots.plot_pseudo_labels(metrics),
    }
    for name, picture in drawn.items():
        write_atomically(page.parent / "plots" / f"{name}.png", picture)
    columns, rows = tables.by_class(classes)
    content = Page(
        title=options.title,
        run=folder.resolve().name,
        classes=index.classes,
        colors=index.palette,
        counts=dict(Counter(entry.split for entry in index.entries)),
        rounds=rounds,
        final=tables.final_miou(metrics),
        table=tables.by_round(metrics, range(labelled_rounds)),
        per_class_columns=columns,
        per_class=rows,
        supervision=supervision(origins, masks),
        plots=_plots(scored=not metrics.empty),
        panels=groups,
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


def _write_panels(folder: Path, index: Index, maps: Maps, count: int) -> list[PanelGroup]:
    """Write the panels of every split that has maps, into an emptied folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shown = [e for e in index.entries if e.id in maps.labels[0] or e.id in maps.predictions[-1]]
    groups = []
    for split in dict.fromkeys(entry.split for entry in shown):
        chosen = choose([entry for entry in shown if entry.split == split], count)
        pictures = [
            _write_panel(folder, entry, number, index, maps)
            for number, entry in enumerate(progress(chosen, f"panels {split}", len(chosen)), 1)
        ]
        if pictures:
            groups.append(PanelGroup(split, pictures))
    return groups


def _write_panel(folder: Path, entry: Entry, number: int, index: Index, maps: Maps) -> Picture:
    tiles, present = tiles_of(entry, entry.photograph(), maps, index.palette)
    name = file_name(entry, number)
    panel = compose(tiles, present, index.classes, index.palette)
    buffer = io.BytesIO()
    panel.save(buffer, "PNG", optimize=True)
    write_atomically(folder / name, buffer.getvalue())
    shows = [index.classes[k] for k in np.flatnonzero(entry.labels)]
    titles = ", ".join(tile.title for tile in tiles)
    return Picture(
        source=f"{folder.name}/{name}",
        alt=f"Image {entry.id} in {len(tiles)} pictures from left to right: {titles}.",
        caption=f"{entry.id}: {', '.join(shows)}",
        width=round(panel.width * _SHOWN),
    )


def _plots(*, scored: bool) -> list[Picture]:
    """The plots with something in them."""
    names = list(_PLOTS) if scored else ["losses"]
    return [Picture(f"plots/{name}.png", *_PLOTS[name]) for name in names]
