"""The command line: a subcommand for every stage, and tools."""

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auxseg import __version__
from auxseg.errors import UserError, disk_fault, out_of_memory
from auxseg.stage_command import stage_command
from auxseg.stages import STAGES
from auxseg.stopping import Stopped, stop_on_signals

if TYPE_CHECKING:
    from auxseg.report.tables import RoundTable


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
    from auxseg.report.tables import by_round, read_text_table

    figures = read_text_table(folder / "report" / "metrics.csv")
    rounds = sorted(figures["round"].astype(int).unique())
    lines = _aligned(by_round(figures, rounds))
    print("\n".join(lines) or "No figures: the data set has no masks to compare with.")


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


def _aligned(figures: "RoundTable") -> Iterator[str]:
    """A table by round as lines for a terminal: its groups of columns one below the other."""
    from auxseg.report.tables import NOTHING

    start = 0
    for group in figures.groups:
        yield group.title
        yield "  ".join(["round", *group.columns])
        end = start + len(group.columns)
        for number, cells in figures.rows:
            if set(cells[start:end]) == {NOTHING}:  # after the last round: labels, no network
                continue
            pairs = zip(cells[start:end], group.columns, strict=True)
            yield "  ".join([f"{number:5}", *(cell.rjust(len(name)) for cell, name in pairs)])
        yield ""
        start = end


def _first_line_of_module(name: str) -> str:
    """The first docstring line of a stage, read without importing it."""
    source = Path(__file__).with_name("stages") / f"{name}.py"
    return source.read_text(encoding="utf-8").split('"""', 2)[1].strip().splitlines()[0]


if __name__ == "__main__":
    main()
