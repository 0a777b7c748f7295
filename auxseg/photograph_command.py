"""The subcommand that segments photographs without a data set around them."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from auxseg.errors import UserError, listing, out_of_memory

if TYPE_CHECKING:
    from auxseg.config import PredictOptions

_WRITERS = 4  # processes that write pictures: each holds a photograph several times
_HELP = """Segment photographs with a trained network.

Writes for each a mask (palette PNG: 0 background, 1, 2, ... the classes in the network's order), an
overlay, and what was found into segmentation.json. Photographs of any size, folders of them too.

Stopped, the same command goes on: what is whole and was made from the same photograph by the same
weights and settings is not made again. Results replace nothing but results. Those of earlier calls
are no photographs, wherever they lie.

With --index it is the stage of a run: see auxseg predict --index x --help.
"""


@click.command("predict", help=_HELP)
@click.argument("photographs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--weights",
    required=True,
    type=click.Path(path_type=Path),
    help="The network: round{r}/weights.safetensors of a run.",
)
@click.option(
    "--output",
    default="segmented",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder to write to.",
)
@click.option("--tta", is_flag=True, help="Average over scales (0.5, 1, 1.5) and mirror images.")
@click.option(
    "--crf",
    is_flag=True,
    help="Sharpen along edges: better outlines, but what is small may be lost; slower.",
)
@click.option(
    "--longest-side",
    type=click.IntRange(32),
    help="Scale larger photographs down to it for the network, pixels; by default to the size "
    "that it learnt on. Masks have the photographs' own size.",
)
@click.option(
    "--options",
    default="",
    metavar="YAML",
    help="Keys of section predict, or a YAML file: precision; with --tta scales and flip; with "
    "--crf its constants, crf.",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=len(os.sched_getaffinity(0)),
    help="Cores to use; by default all.",
)
@click.option("--device", default="auto", help="auto, cpu, cuda, ...")
def predict_photographs(
    photographs: tuple[Path, ...],
    weights: Path,
    output: Path,
    tta: bool,
    crf: bool,
    longest_side: int | None,
    options: str,
    threads: int,
    device: str,
) -> None:
    """Segment photographs, and say what each shows."""
    from auxseg.config import parse_stage_options
    from auxseg.crf import workers_beside
    from auxseg.photographs import find_photographs, not_read, segment_photographs
    from auxseg.runtime import Runtime, bind_opencv
    from auxseg.segmenter import load_segmenter

    section = cast("PredictOptions", parse_stage_options("predict", options))
    if faults := _unused(section, tta=tta, crf=crf):
        raise listing(faults, "--options sets what this command does not use")
    bind_opencv()
    found = find_photographs(photographs, output)
    for told in not_read(photographs):
        print(f"auxseg: note: {told}", file=sys.stderr)
    segmenter = load_segmenter(
        weights,
        section,
        multiscale=tta,
        use_crf=crf,
        longest_side=longest_side,
        runtime=Runtime(threads, device),
    )
    workers = workers_beside(threads, section.crf) if crf else min(threads, _WRITERS)
    try:
        for result in segment_photographs(segmenter, found, output, min(workers, len(found))):
            shown = ", ".join(f"{one.name} {one.share:.0%}" for one in result.found)
            print(f"{result.photograph}: {shown or 'background alone'}")
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise UserError(
            "the memory is full; name a lower --longest-side, or leave --tta out, and run the same "
            "command again: what is done is kept."
        ) from None
    print(f"masks, overlays and segmentation.json: {output}")


def _unused(options: "PredictOptions", *, tta: bool, crf: bool) -> list[str]:
    """A sentence for each key that is set and would change nothing."""
    idle = {
        "use_crf": "is for the stage of a run; leave it out, --crf asks for the CRF.",
        "saliency_share": "is for photographs whose classes are known; leave it out.",
    }
    if not tta:
        idle |= dict.fromkeys(("scales", "flip"), "is used with --tta; add it.")
    if not crf:
        idle["crf"] = "is used with --crf; add it."
    return [f"{key}: {told}" for key, told in idle.items() if key in options.model_fields_set]
