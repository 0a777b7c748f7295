"""What a weights file says of itself: read without its tensors, and without torch."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open

from auxseg.errors import UserError, disk_fault, listing
from auxseg.store import sha256

_KEY = "auxseg"  # one key alone: safetensors writes several in any order
_Byte = Annotated[int, Field(ge=0, le=255)]
Branches = Literal["seg", "seg+cls", "seg+sal", "all"]
AffinityKind = Literal["none", "seg", "sal", "cross-task", "dual"]


class _Backbone(BaseModel):
    """What a backbone is built from: arguments of `build_backbone`, with its defaults."""

    model_config = ConfigDict(extra="forbid", strict=True)

    backbone: str
    output_stride: Literal[8, 16] | None = None
    freeze_batch_norm: bool = True
    frozen_stride: Literal[1, 2, 4, 8] = 1
    weights: str = ""  # that training began with


class _Network(_Backbone):
    """What a network is built from: arguments of `build_network`, with its defaults."""

    branches: Branches = "all"
    affinity: AffinityKind = "cross-task"
    transpose_affinity: bool = False
    dense_channels: int = Field(128, ge=1)


class _Description(BaseModel):
    """What every weights file says; keys without a default must be there."""

    model_config = ConfigDict(strict=True)

    kind: Literal["classifier", "network"]
    classes: list[str] = Field(min_length=1)
    model: _Backbone
    round: int = Field(0, ge=0)
    inputs: dict[str, str] = {}
    options: dict[str, Any] = {}


class _NetworkDescription(_Description):
    """And what a network's says, so that masks can be made and shown."""

    model: _Network
    palette: list[tuple[_Byte, _Byte, _Byte]]
    longest_side: int = Field(ge=1)

    @model_validator(mode="after")
    def _a_colour_for_each(self) -> Self:
        if len(self.palette) != len(self.classes) + 1:
            raise ValueError("palette must have a colour for the background and for each class")
        return self


def description_metadata(description: Mapping[str, Any], content: str = "") -> dict[str, str]:
    """A description (what JSON can hold) as metadata of a safetensors file.

    Args:
        description: of the weights.
        content: a digest of the tensors.
    """
    text = json.dumps({"description": description, "content": content}, sort_keys=True)
    return {_KEY: json.dumps({"text": text, "digest": sha256(text)}, sort_keys=True)}


def read_metadata(path: Path, metadata: Mapping[str, str] | None) -> tuple[dict[str, Any], str]:
    """The description and the tensors' digest in a file's metadata.

    Raises:
        UserError: what was written has changed.
        ValueError: nothing of ours was written.
    """
    try:
        outer = json.loads((metadata or {})[_KEY])
        if outer["digest"] != sha256(outer["text"]):
            raise UserError(f"{path}: damaged; delete the file and run its stage again.")
        inner = json.loads(outer["text"])
        return inner["description"], inner["content"]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("not a description") from error


def read_description(
    path: Path, kind: str | None = None, classes: Sequence[str] | None = None
) -> dict[str, Any]:
    """The description that `save_weights` put into a file.

    Args:
        path: the file.
        kind: "classifier" or "network"; None takes either.
        classes: the foreground classes it must have learnt; None takes any.

    Raises:
        UserError: not such a file, of another kind, of other classes, or without a key that its
            kind needs.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such weights file.")
    try:
        with safe_open(path, framework="numpy") as file:
            description, _ = read_metadata(path, file.metadata())
    except (SafetensorError, OSError, ValueError) as error:
        if disk_fault(error) is not None:
            raise
        raise UserError(f"{path}: not a weights file of auxseg; run its stage again.") from None
    _check(path, description)
    if kind is not None and description["kind"] != kind:
        raise UserError(f"{path}: holds a {description['kind']}, where a {kind} is needed.")
    if classes is not None and description["classes"] != list(classes):
        raise UserError(
            f"{path}: learnt {', '.join(description['classes'])}, but the index has "
            f"{', '.join(classes)}; train on this index."
        )
    return description


def _check(path: Path, description: Any) -> None:
    """Refuse a description that its readers would stumble over, all its faults at once."""
    is_network = isinstance(description, dict) and description.get("kind") == "network"
    model = _NetworkDescription if is_network else _Description
    try:
        model.model_validate_json(json.dumps(description))  # of JSON strictness takes its lists
    except ValidationError as error:
        faults = [_fault(dict(item)) for item in error.errors()]
        raise listing(
            faults, f"{path}: cannot be used for what it says of itself; make it again"
        ) from None


def _fault(item: dict[str, Any]) -> str:
    """`model.backbone: is missing`."""
    told = "is missing" if item["type"] == "missing" else item["msg"].removeprefix("Value error, ")
    return ": ".join([*filter(None, [".".join(map(str, item["loc"]))]), told])
