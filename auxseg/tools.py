"""The subcommands that are no stages; each imports what it needs when it is called."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auxseg.download.archives import ARCHIVES
from auxseg.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


@click.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--images", type=click.Path(path_type=Path), required=True, help="Photographs.")
@click.option(
    "--labels",
    help="A CSV, COCO's JSON, or 'folders': the first folder below --images is the class (as "
    "where it is left out).",
)
@click.option("--masks", type=click.Path(path_type=Path), help="True masks, to evaluate on.")
@click.option("--run", help="Name of the run; else the project's.")
def new(
    project: Path, images: Path, labels: str | None, masks: Path | None, run: str | None
) -> None:
    """Check your photographs and labels, and write PROJECT: what Snakemake runs."""
    from auxseg.project.new import new_project
    from auxseg.project.plan import Request

    table = Path(labels) if labels not in (None, "folders") else None
    print(new_project(Request(project, images, table, masks, run or project.resolve().name)))


@click.command()
@click.argument("dataset", type=click.Choice(list(ARCHIVES)))
@click.argument("folder", type=click.Path(path_type=Path))
def download(dataset: str, folder: Path) -> None:
    """Get a public data set from its maker's server into FOLDER, as the presets want it.

    \b
    voc12   PASCAL VOC 2012: VOCdevkit/VOC2012, 2 GB, 4 GB while it is unpacked
    sbd     adds SBD to it: the list train_aug and SegmentationClassAug/, 0.1 GB (1.5 GB)
    coco14  MS COCO 2014: train2014/, val2014/, annotations/, 21 GB (27 GB)

    Stopped at any time, the same command goes on from there; of a data set that is there it gets
    nothing. Where the maker's server fails a mirror is asked; the published checksum tells that
    what came is the maker's archive. It is deleted once it is unpacked; {archive}.files lists what
    came of it. An archive of your own that lies in FOLDER under its published name is used if its
    checksum is right, else refused, and never deleted. Files of a data set that are there with
    another size are replaced. The terms of the data sets' makers hold.
    """  # noqa: D301 - click must see the backspace
    from auxseg.download.data_sets import download as get

    print(get(dataset, folder))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "for_scripts", is_flag=True, help="Print the rows alone, as JSON.")
def status(folder: Path, for_scripts: bool) -> None:
    """Say which stages of the run in FOLDER (results/{run}) are done, and why others are not.

    Figures of the rounds that were scored stand below. Only files in FOLDER are looked at.

    A stage is done if what it wrote is whole and was made from the inputs that lie there; stale, if
    from others, or from such as are to be made again; unreadable, if a file is damaged: delete it
    before the stage runs again. It is running if something is not whole and was written to within
    ten minutes; interrupted, if its log tells how it ended, or nothing was written for longer;
    missing, if it has not begun.

    Nothing in FOLDER tells of a configuration changed since, or of rounds to come: `snakemake -n`
    does.
    """
    from auxseg.status import job_states
    from auxseg.status.screen import as_json, as_table, figures_so_far

    states = job_states(folder)
    if for_scripts:
        print(as_json(states))
        return
    print(as_table(states, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR")))
    if figures := figures_so_far(folder, states):
        print(f"\n{figures}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def table(folder: Path) -> None:
    """Print the figures of a finished run in FOLDER (results/{run}) by round."""
    from auxseg.report.figures import read_figures
    from auxseg.report.tables import plain_text

    print(plain_text(read_figures(folder / "report" / "metrics.csv", of_rounds=True)))


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--id", "image_id", help="Tell of this image alone, with statistics of its values.")
@click.option("--picture", type=click.Path(path_type=Path), help="Write that image's map as PNG.")
@click.option("--limit", type=click.IntRange(0), default=10, help="Ids to list at most.")
def inspect_file(file: Path, image_id: str | None, picture: Path | None, limit: int) -> None:
    """Say what an artifact holds, what made it, and show one image of it."""
    from auxseg.inspect import describe, write_picture

    if picture is not None and image_id is None:
        raise UserError("--picture needs --id: which image is to be shown.")
    print(describe(file, image_id, limit))
    if picture is not None and image_id is not None:
        write_picture(file, image_id, picture)
        print(f"wrote {picture}")


@click.command("export-png")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--variant", help="Of predictions: single, multiscale or multiscale+crf (the last).")
def export_png(file: Path, folder: Path, variant: str | None) -> None:
    """Write the maps of FILE (labels, masks, predictions, saliency) as PNGs into FOLDER."""
    from auxseg.pictures import export_pictures

    print(export_pictures(file, folder, variant))


@click.command("export")
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def export_for_others(weights: Path, target: Path) -> None:
    """Write the network of WEIGHTS as TARGET (.onnx, or .pt2 for torch), with a model card."""
    from auxseg.export import export_network

    print(export_network(weights, target))


@click.command("import-weights")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--classes", help="The classes in the order of the outputs, separated by commas.")
def import_foreign(source: Path, target: Path, classes: str | None) -> None:
    """Turn a ResNet38d checkpoint of AuxSegNet, PSA or SEAM into weights of ours."""
    from auxseg.import_weights import import_weights

    names = [name.strip() for name in classes.split(",")] if classes else None
    print(import_weights(source, target, names))


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--index", type=click.Path(path_type=Path), required=True, help="The run's index.h5.")
@click.option("--variant", default="multiscale+crf", help="Which of the predictions' variants.")
def submission(predictions: Path, archive: Path, index: Path, variant: str) -> None:
    """Write PREDICTIONS of VOC's test images as the ARCHIVE (.tar.gz) that VOC's server takes."""
    from auxseg.submission import write_submission

    print(write_submission(predictions, archive, index, variant))


@click.command("check-submission")
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--index", type=click.Path(path_type=Path), required=True, help="The run's index.h5.")
def check_archive(archive: Path, index: Path) -> None:
    """Check an ARCHIVE for VOC's server: names, sizes and indices of all test images."""
    from auxseg.submission import check_submission

    print(f"{archive}: {check_submission(archive, index)} masks, ready to be submitted")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", "seeds", type=int, multiple=True, required=True, help="Once a repetition.")
@click.option("--rounds", type=click.IntRange(1), required=True, help="Rounds of the run.")
@click.option("--table", type=click.Path(path_type=Path), required=True, help="The CSV to write.")
@click.option("--page", type=click.Path(path_type=Path), required=True, help="The .md to write.")
def ablation(folder: Path, seeds: tuple[int, ...], rounds: int, table: Path, page: Path) -> None:
    """Gather the figures in FOLDER beside the paper's, as a table and as a page."""
    from auxseg.ablation import ablation_table, markdown

    figures = ablation_table(folder, seeds, rounds)
    _leave(figures, markdown(figures), table, page)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    *("--network", "networks"),
    type=(str, click.IntRange(1)),
    multiple=True,
    required=True,
    help="Its name, and in how many rounds it has pseudo labels.",
)
@click.option("--seed", "seeds", type=int, multiple=True, required=True, help="Once a repetition.")
@click.option("--table", type=click.Path(path_type=Path), required=True, help="The CSV to write.")
@click.option("--page", type=click.Path(path_type=Path), required=True, help="The .md to write.")
def changes(
    folder: Path,
    networks: tuple[tuple[str, int], ...],
    seeds: tuple[int, ...],
    table: Path,
    page: Path,
) -> None:
    """Gather the figures in FOLDER of a run and its changes, as a table and as a page."""
    from auxseg.ablation import changes_markdown, changes_table

    figures = changes_table(folder, dict(networks), seeds)
    _leave(figures, changes_markdown(figures, dict(networks)), table, page)


def _leave(figures: "pd.DataFrame", shown: str, table: Path, page: Path) -> None:
    """Write a comparison's figures as CSV and as they are shown, and show them."""
    from auxseg.store import write_atomically

    write_atomically(table, figures.to_csv(index=False, float_format="%.3f").encode())
    write_atomically(page, shown.encode())
    print(shown)


TOOLS = (
    new,
    download,
    status,
    table,
    inspect_file,
    export_png,
    export_for_others,
    import_foreign,
    submission,
    check_archive,
    ablation,
    changes,
)
