"""From photographs and labels to a project: its table of labels and a configuration that fits."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from auxseg.config import merged, parse_config
from auxseg.datasets.photographs import is_text, photographs
from auxseg.errors import UserError, listing
from auxseg.project.choices import Fingerprint, choose_options
from auxseg.project.labels import read_labels
from auxseg.project.machine import this_machine
from auxseg.project.plan import Plan, Request
from auxseg.project.splits import hold_out
from auxseg.project.survey import look_at, survey
from auxseg.project.telling import heading, told
from auxseg.project.writing import comments_of, config_yaml, labels_csv
from auxseg.store import write_atomically

_EXPLAINED, _PRESET = Path("config.yaml"), Path("workflow/presets/folder.yaml")
"""Beside the Snakefile: all keys with their meaning, and those that photographs need."""


def new_project(asked: Request) -> str:
    """Write a project's labels.csv and config.yaml; what was found, and what to do next, in words.

    Raises:
        UserError: something is in the way, or with every fault of labels and photographs.
    """
    _refuse(asked)
    plan = _plan(asked)
    values = _config(plan)
    config = parse_config(values)
    command = shlex.join(["snakemake", "--configfile", str(asked.config)])
    write_atomically(asked.table, labels_csv(plan.data, asked.images).encode())
    comments = comments_of(_EXPLAINED.read_text(encoding="utf-8"))
    text = config_yaml(values, comments, heading(plan, command))
    write_atomically(asked.config, text.encode())
    return told(plan, config, command)


def _refuse(asked: Request) -> None:
    """Raise what stands in the way before anything is read."""
    for path in (_EXPLAINED, _PRESET):
        if not path.is_file():
            raise UserError(
                f"{path}: no such file here; run auxseg new where you run snakemake, beside its "
                f"Snakefile."
            )
    folders = {"PROJECT": asked.project, "--images": asked.images, "--masks": asked.masks}
    for option, folder in folders.items():
        if folder is not None and not is_text(folder):
            raise UserError(f"{option}: {str(folder)!r} is not UTF-8; rename the folder.")
    try:
        parse_config({"run": asked.run})
    except UserError:
        raise UserError(
            f"{asked.run!r} cannot be a run's name, which holds letters, digits, '-', '_' and '.'; "
            f"name one by --run NAME."
        ) from None
    results = Path("results") / asked.run
    for path, other in ((asked.config, "PROJECT"), (asked.table, "PROJECT"), (results, "--run")):
        if path.exists():
            is_asked = asked.labels is not None and path.resolve() == asked.labels.resolve()
            mend = "" if is_asked else ", or remove it"
            raise UserError(f"{path}: is there already; name another {other}{mend}.")
    for option, folder in (("--images", asked.images), ("--masks", asked.masks)):
        if folder is not None and not folder.is_dir():
            raise UserError(f"{option}: {folder}: no such folder.")
    images = asked.images.resolve()
    for inner in (asked.masks, asked.project):
        if inner is not None and inner.resolve().is_relative_to(images):
            raise UserError(
                f"{inner}: lies within the folder of photographs; name a folder beside it."
            )


def _plan(asked: Request) -> Plan:
    """Read and check labels and photographs."""
    photos, misnamed = photographs(asked.images)
    found = read_labels(asked.labels, asked.images, photos)
    data = survey(found, asked.images, photos, asked.masks)
    if asked.masks is not None and not found.names_splits:
        data = replace(data, records=hold_out(data.records))
    machine = this_machine()
    checked = look_at(data.records, data.classes, machine.cores)
    faults = [*misnamed, *data.faults, *(fault for one in checked for fault in one.faults)]
    if faults:
        raise listing(faults, f"{found.source} ({found.format}) cannot be used")
    sides = tuple(max(one.size) for one in checked)
    return Plan(asked, found, data, sides, tuple(d for one in checked for d in one.doubts), machine)


def _config(plan: Plan) -> dict[str, Any]:
    """The preset for photographs, with what was chosen for these."""
    asked = plan.asked
    chosen = choose_options(
        Fingerprint(
            train=plan.count("train"),
            largest=max(plan.sides),
            typical=plan.typical_side,
            gpu=plan.machine.gpu,
            bfloat16=plan.machine.bfloat16,
        )
    )
    folder: dict[str, Any] = {"root": str(asked.project), "images": str(asked.images)}
    if asked.masks is not None:
        folder["masks"] = str(asked.masks)
    # Their order is that of the values in masks, and a name misspelt later is none of them.
    folder["classes"] = list(plan.data.classes)
    own = {
        "run": asked.run,
        "index": {"folder": folder},
        "report": {"title": f"AuxSegNet on {asked.run}"},
    }
    preset = yaml.safe_load(_PRESET.read_text(encoding="utf-8"))
    return merged(merged(preset, chosen), own)
