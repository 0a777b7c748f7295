"""The command line: a subcommand for every stage, and tools."""

import importlib
import os
import sys
import threading
from pathlib import Path

import click

from auxseg import __version__
from auxseg.download.archives import ARCHIVES
from auxseg.errors import UserError, disk_fault, out_of_memory
from auxseg.photograph_command import predict_photographs
from auxseg.stage_command import stage_command
from auxseg.stages import STAGES
from auxseg.stopping import Stopped, stop_on_signals


class StageGroup(click.Group):
    """Imports a stage's module only when its command is asked for: torch takes seconds to load."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The stages in the order of the data, then the tools."""
        return [*STAGES, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name; a stage's is made from its module."""
        if name in STAGES:
            return stage_command(name, importlib.import_module(f"auxseg.stages.{name}"))
        return super().get_command(ctx, name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """`predict` of a run has an index and predictions; else it is of photographs."""
        named = {argument.split("=")[0] for argument in args}
        if args[0] == "predict" and not named & {"--index", "--predictions"}:
            return "predict", predict_photographs, args[1:]
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One list of the stages and one of the tools."""
        with formatter.section("Stages, in order"):
            formatter.write_dl([(name, _first_line_of_module(name)) for name in STAGES])
        with formatter.section("Tools"):
            rows = [(n, c.get_short_help_str(80)) for n, c in sorted(self.commands.items())]
            formatter.write_dl(rows)


@click.group(cls=StageGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Photos with image-level labels to a semantic segmentation model, without a pixel mask."""


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
def table(folder: Path) -> None:
    """Print the figures of a finished run in FOLDER (results/{run}) by round."""
    from auxseg.report.tables import plain_text, read_text_table

    print(plain_text(read_text_table(folder / "report" / "metrics.csv")))


@cli.command()
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


def _told_by_the_main_thread(failed: threading.ExceptHookArgs) -> None:
    """Leave out a disk's fault in TensorBoard's thread: the main one meets it, too."""
    if failed.exc_value is None or disk_fault(failed.exc_value) is None:
        threading.__excepthook__(failed)


def main() -> None:
    """Entry point: a `UserError` is one sentence and exit code 2, without a traceback."""
    stop_on_signals()
    threading.excepthook = _told_by_the_main_thread
    try:
        cli(standalone_mode=True)
    except UserError as error:
        print(f"auxseg: error: {error}", file=sys.stderr)
        sys.exit(2)
    except Exception as error:
        if out_of_memory(error):
            fault = (
                "the memory is full; lower index.longest_side, or the stage's scales, crop_size or "
                "batch_size,"
            )
        elif (disk := disk_fault(error)) is not None:
            fault = f"{disk}; mend that"
        else:
            raise
        print(
            f"auxseg: error: {fault} and run the same command again: nothing before it is lost.",
            file=sys.stderr,
        )
        sys.exit(2)
    except Stopped as stopped:
        print(f"auxseg: {stopped}; the same command goes on from there.", file=sys.stderr)
        sys.exit(128 + stopped.number)


@cli.command()
@click.argument("dataset", type=click.Choice(list(ARCHIVES)))
@click.argument("folder", type=click.Path(path_type=Path))
def download(dataset: str, folder: Path) -> None:
    r"""Get a public data set from its official servers into FOLDER, as the presets want it.

    \b
    voc12   PASCAL VOC 2012: VOCdevkit/VOC2012, 2 GB, 4 GB while it is unpacked
    sbd     adds SBD to it: the list train_aug and SegmentationClassAug/, 0.1 GB (1.5 GB)
    coco14  MS COCO 2014: train2014/, val2014/, annotations/, 21 GB (27 GB)

    Stopped at any time, the same command goes on from there; of a data set that is there it gets
    nothing. Archives are checked against their published checksums and deleted once they are
    unpacked; {archive}.files lists what came of them. An archive that you have already is used if
    it lies in FOLDER under its published name. Files of a data set that are there with another
    size are replaced. The terms of the data sets' makers hold.
    """
    from auxseg.download.data_sets import download as get

    print(get(dataset, folder))


@cli.command("inspect")
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


@cli.command()
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


@cli.command("export-png")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--variant", help="Of predictions: single, multiscale or multiscale+crf (the last).")
def export_png(file: Path, folder: Path, variant: str | None) -> None:
    """Write the maps of FILE (labels, masks, predictions, saliency) as PNGs into FOLDER."""
    from auxseg.pictures import export_pictures

    print(export_pictures(file, folder, variant))


@cli.command("export")
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def export_for_others(weights: Path, target: Path) -> None:
    """Write the network of WEIGHTS as TARGET (.onnx, or .pt2 for torch), with a model card."""
    from auxseg.export import export_network

    print(export_network(weights, target))


@cli.command("import-weights")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--classes", help="The classes in the order of the outputs, separated by commas.")
def import_foreign(source: Path, target: Path, classes: str | None) -> None:
    """Turn a ResNet38d checkpoint of AuxSegNet, PSA or SEAM into weights of ours."""
    from auxseg.import_weights import import_weights

    names = [name.strip() for name in classes.split(",")] if classes else None
    print(import_weights(source, target, names))


@cli.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--index", type=click.Path(path_type=Path), required=True, help="The run's index.h5.")
@click.option("--variant", default="multiscale+crf", help="Which of the predictions' variants.")
def submission(predictions: Path, archive: Path, index: Path, variant: str) -> None:
    """Write PREDICTIONS of VOC's test images as the ARCHIVE (.tar.gz) that VOC's server takes."""
    from auxseg.submission import write_submission

    print(write_submission(predictions, archive, index, variant))


@cli.command("check-submission")
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--index", type=click.Path(path_type=Path), required=True, help="The run's index.h5.")
def check_archive(archive: Path, index: Path) -> None:
    """Check an ARCHIVE for VOC's server: names, sizes and indices of all test images."""
    from auxseg.submission import check_submission

    print(f"{archive}: {check_submission(archive, index)} masks, ready to be submitted")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", "seeds", type=int, multiple=True, required=True, help="Once a repetition.")
@click.option("--rounds", type=click.IntRange(1), required=True, help="Rounds of the run.")
@click.option("--table", type=click.Path(path_type=Path), required=True, help="The CSV to write.")
@click.option("--page", type=click.Path(path_type=Path), required=True, help="The .md to write.")
def ablation(folder: Path, seeds: tuple[int, ...], rounds: int, table: Path, page: Path) -> None:
    """Gather the figures in FOLDER beside the paper's, as a table and as a page."""
    from auxseg.ablation import ablation_table, markdown
    from auxseg.store import write_atomically

    figures = ablation_table(folder, seeds, rounds)
    write_atomically(table, figures.to_csv(index=False, float_format="%.3f").encode())
    write_atomically(page, markdown(figures).encode())
    print(markdown(figures))


def _first_line_of_module(name: str) -> str:
    """The first docstring line of a stage, read without importing it."""
    source = Path(__file__).with_name("stages") / f"{name}.py"
    return source.read_text(encoding="utf-8").split('"""', 2)[1].strip().splitlines()[0]


if __name__ == "__main__":
    main()
