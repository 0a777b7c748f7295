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
    "train": "round0/weights.safetensors",  # or of the last round, where that is known
    "refine": "round1/labels.h5",
    "predict": "round0/predictions.h5",
}


def origins_of(folder: Path, rounds: int, *, refined: bool) -> dict[str, Origin]:
    """What every stage's artifact says of its making, by stage.

    Args:
        folder: of the run.
        rounds: trainings; the last one's options hold for all, the first one's for it alone.
        refined: whether its networks made pseudo labels.

    Raises:
        UserError: an artifact is missing or damaged.
    """
    origins = {}
    files = {**_FILES, "train": f"round{rounds - 1}/weights.safetensors"}
    absent = set() if refined else {"refine"}
    with MapReader(folder / _FILES["seed"]) as labels:
        absent |= set() if is_fused(labels) else {"cam"}
    for stage, file in files.items():
        if stage not in absent and (file.endswith(".h5") or (folder / file).is_file()):
            origins[stage] = _origin_of(folder, stage, file)
    return origins


def known_origins(folder: Path) -> dict[str, Origin]:
    """As `origins_of`, of the artifacts that are there and can be read."""
    origins = {}
    for stage, file in _FILES.items():
        with suppress(UserError):
            origins[stage] = _origin_of(folder, stage, file)
    return origins


def is_fused(labels: MapReader) -> bool:
    """Whether first labels were made from CAMs, not taken from files."""
    return "cam" in inputs_of(labels.attributes)


def _origin_of(folder: Path, stage: str, file: str) -> Origin:
    path = folder / file
    if path.suffix != ".h5":
        return Origin(stage, file, read_description(path).get("options", {}))
    attributes = artifact_attributes(path)
    created = f"{attributes['created']}, auxseg {attributes['auxseg_version']}"
    return Origin(stage, file, json.loads(attributes["options"]), created)
