"""A stage's subcommand, made from the signature of its `run`.

`run(options, *, cam: Path, labels: Path, runtime: Runtime)` becomes
`auxseg STAGE --cam PATH --labels PATH --options YAML --threads N --device NAME`; one that takes a
`shard` has --shard and --shards too.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import click
from pydantic import BaseModel

from auxseg.config import STAGE_OPTIONS, parse_stage_options
from auxseg.config.keys import as_yaml, keys_of
from auxseg.errors import UserError
from auxseg.runtime import Runtime, bind_opencv
from auxseg.store import Shard

_OPTIONS_HEADING = (
    "Keys of --options, and what they are where they are left out (Snakemake passes all of\n"
    "them, from config.yaml and the files that --configfile names):"
)
_ARGUMENTS = {
    "index": "index.h5: the data set's records.",
    "masks": "masks.h5: true masks.",
    "saliency": "saliency.h5: coarse, or a round's refined, maps.",
    "weights": "A network's .safetensors.",
    "initial_weights": "The .safetensors to start from: the classifier's, or the last round's.",
    "round_number": "Of the round, from 0 on.",
    "history": "The CSV of losses to write.",
    "devices": "GPUs (or, with --device cpu, processes) that share every batch; 0 counts as 1.",
    "cam": "cam.h5: class activation maps.",
    "labels": "labels.h5: pseudo labels.",
    "refined_saliency": "The next round's saliency.h5, to write.",
    "predictions": "predictions.h5: segmentations.",
    "split": "train, val or test.",
    "known_classes": "Segment labelled images, each into the classes of its label.",
    "metrics": "The CSV of figures to write.",
    "per_class": "The CSV of figures by class to write.",
    "folder": "The run's folder.",
    "rounds": "Trainings of the multi-task network.",
    "labelled_rounds": "Sets of pseudo labels.",
    "page": "The page to write.",
}


_ARTIFACTS = {"index", "masks", "saliency", "cam", "labels", "refined_saliency", "predictions"}


class _ShardType(click.ParamType):
    """`3/8`: the third of eight."""

    name = "I/N"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Shard:
        found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", value)
        if found is None or int(found[1]) > int(found[2]):
            self.fail(f"{value!r} is no shard; give 3/8 for the third of 8.")
        return Shard(int(found[1]), int(found[2]))


def stage_command(name: str, module: ModuleType) -> click.Command:
    """The subcommand of one stage."""
    hints = get_type_hints(module.run)
    params: list[click.Parameter] = []
    for parameter in inspect.signature(module.run).parameters.values():
        if parameter.name not in ("options", "runtime", "threads", "shard"):
            params.append(_argument(parameter, hints[parameter.name]))
    params.append(
        click.Option(
            ["--options"], default="", metavar="YAML", help="Keys of the section, or a YAML file."
        )
    )
    if hints.keys() & {"runtime", "threads"}:
        params.append(
            click.Option(["--threads"], type=click.IntRange(1), default=1, help="Cores to use.")
        )
    if "runtime" in hints:
        params.append(click.Option(["--device"], default="auto", help="auto, cpu, cuda, ..."))
    if "shard" in hints:
        params += [
            click.Option(["--shard"], type=_ShardType(), help="Take every N-th image, from I on."),
            click.Option(
                ["--shards"],
                type=click.IntRange(1),
                default=1,
                help="Join what so many shards left in shards/{i}_of_{n}/ beside the output.",
            ),
        ]

    def call(
        options: str,
        threads: int = 1,
        device: str = "auto",
        shard: Shard | None = None,
        shards: int = 1,
        **paths: Any,
    ) -> None:
        bind_opencv()
        if "runtime" in hints:
            paths["runtime"] = Runtime(threads, device)
        if "threads" in hints:
            paths["threads"] = threads
        if shard is not None and shards > 1:
            raise click.UsageError("give --shard for a part, or --shards to join all, not both.")
        if "shard" in hints:
            paths["shard"] = shard or Shard(None, shards)
        parsed = parse_stage_options(name, options)
        _refuse_mixed_up(paths)
        module.run(parsed, **paths)

    documentation = inspect.getdoc(module) or ""
    return click.Command(
        name,
        callback=call,
        params=params,
        help=documentation.replace("\n\n", "\n\n\b\n"),
        epilog="\b\n" + "\n".join([_OPTIONS_HEADING, *option_lines(STAGE_OPTIONS[name])]),
    )


def _refuse_mixed_up(arguments: Mapping[str, Any]) -> None:
    """Refuse a file that two arguments name, and an artifact that is named like another file.

    A stage replaces what it writes, and would be told to replace what it reads, or a user's own.
    """
    first: dict[Path, str] = {}
    for name, path in arguments.items():
        if not isinstance(path, Path):
            continue
        flag = "--" + name.replace("_", "-")
        if (other := first.setdefault(path.resolve(), flag)) != flag:
            raise UserError(f"{other} and {flag}: both are {path}; name two files.")
        if name in _ARTIFACTS and path.suffix != ".h5":
            raise UserError(f"{flag}: {path}: name a file that ends in .h5.")


def option_lines(model: type[BaseModel]) -> Iterator[str]:
    """`key (default): meaning`, a line each, nested keys dotted, choices named."""
    for key in keys_of(model):
        allowed = " | ".join(as_yaml(choice) for choice in key.choices)
        default = as_yaml(key.default)
        told = f"{allowed}; default {default}" if allowed else default
        yield f"  {key.name} ({told}): {key.meaning}"


def _argument(parameter: inspect.Parameter, hint: Any) -> click.Option:
    kinds: dict[Any, click.ParamType] = {int: click.INT, str | None: click.STRING}
    kind = kinds.get(hint, click.Path(path_type=Path))
    flag = "--" + parameter.name.replace("_", "-")
    told = _ARGUMENTS.get(parameter.name)
    if hint is bool:
        return click.Option([flag], is_flag=True, help=told)
    if parameter.default is inspect.Parameter.empty:
        return click.Option([flag], type=kind, required=True, help=told)
    return click.Option([flag], type=kind, default=parameter.default, help=told)
