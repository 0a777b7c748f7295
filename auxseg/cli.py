"""The command line: a subcommand for every stage, and tools."""

import importlib
import sys
import threading
from pathlib import Path

import click

from auxseg import __version__
from auxseg.errors import UserError, disk_fault, out_of_memory
from auxseg.photograph_command import predict_photographs
from auxseg.stage_command import stage_command
from auxseg.stages import STAGES
from auxseg.stopping import Stopped, end_workers, ignore_signals, stop_on_signals
from auxseg.tools import TOOLS


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


for tool in TOOLS:
    cli.add_command(tool)


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
    finally:
        ignore_signals()
        end_workers()


def _first_line_of_module(name: str) -> str:
    """The first docstring line of a stage, read without importing it."""
    source = Path(__file__).with_name("stages") / f"{name}.py"
    return source.read_text(encoding="utf-8").split('"""', 2)[1].strip().splitlines()[0]


if __name__ == "__main__":
    main()
