"""What the artifacts of a run say of their own making."""

import json
from contextlib import suppress
from pathlib import Path

from auxseg.description import read_description
from auxseg.errors import UserError
from auxseg.report.provenance import Origin
from auxseg.store import MapReader, artifact_attributes, inputs_of

_FILES = {
    "index": "index.h5",
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
    origins = {}
    absent = set() if refined else {"refine"}
    with MapReader(folder / _FILES["seed"]) as labels:
        absent |= set() if is_fused(labels) else {"cam"}
    for stage, file in _FILES.items():
        if stage not in absent and (file.endswith(".h5") or (folder / file).is_file()):
            origins[stage] = _origin_of(folder, stage)
    return origins


def known_origins(folder: Path) -> dict[str, Origin]:
    """As `origins_of`, of the artifacts that are there and can be read."""
    origins = {}
    for stage in _FILES:
        with suppress(UserError):
            origins[stage] = _origin_of(folder, stage)
    return origins


def is_fused(labels: MapReader) -> bool:
    """Whether first labels were made from CAMs, not taken from files."""
    return "cam" in inputs_of(labels.attributes)


def _origin_of(folder: Path, stage: str) -> Origin:
    path = folder / _FILES[stage]
    if path.suffix != ".h5":
        return Origin(stage, _FILES[stage], read_description(path).get("options", {}))
    attributes = artifact_attributes(path)
    created = f"{attributes['created']}, auxseg {attributes['auxseg_version']}"
    return Origin(stage, _FILES[stage], json.loads(attributes["options"]), created)
