"""What the artifacts of a run say of their own making."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auxseg.datasets.index_file import KIND as INDEX
from auxseg.description import read_description
from auxseg.report.provenance import Origin
from auxseg.store import MapReader, read_table

_FILES = {
    "saliency": "saliency.h5",
    "classify": "classifier/weights.safetensors",
    "cam": "cam.h5",
    "seed": "round0/labels.h5",
    "train": "round0/weights.safetensors",
    "refine": "round1/labels.h5",
    "predict": "round0/predictions.h5",
}


def origins_of(folder: Path, *, refined: bool) -> dict[str, Origin]:
    """What every stage's artifact says of its making, by stage.

    Args:
        folder: of the run.
        refined: whether its networks made pseudo labels.

    Raises:
        UserError: an artifact is missing or damaged.
    """
    attributes, _ = read_table(folder / "index.h5", INDEX)
    origins = {"index": _origin("index", "index.h5", attributes)}
    absent = set() if refined else {"refine"}
    with MapReader(folder / _FILES["seed"]) as labels:
        absent |= set() if is_fused(labels) else {"cam"}
    for stage, file in _FILES.items():
        if stage in absent:
            continue
        if file.endswith(".h5"):
            with MapReader(folder / file) as reader:
                origins[stage] = _origin(stage, file, reader.attributes)
        elif (folder / file).is_file():
            options = read_description(folder / file).get("options", {})
            origins[stage] = Origin(stage, file, options)
    return origins


def is_fused(labels: MapReader) -> bool:
    """Whether first labels were made from CAMs, not taken from files."""
    return "cam" in json.loads(labels.attributes["inputs"])


def _origin(stage: str, file: str, attributes: Mapping[str, Any]) -> Origin:
    created = f"{attributes['created']}, auxseg {attributes['auxseg_version']}"
    return Origin(stage, file, json.loads(attributes["options"]), created)
