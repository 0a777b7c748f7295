"""What a weights file says of itself: read without its tensors, and without torch."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from auxseg.errors import UserError
from auxseg.store import sha256

_TEXT, _DIGEST = "auxseg", "digest"


def description_metadata(description: Mapping[str, Any]) -> dict[str, str]:
    """A description (what JSON can hold) as metadata of a safetensors file."""
    text = json.dumps(description, sort_keys=True)
    return {_TEXT: text, _DIGEST: sha256(text)}


def read_description(
    path: Path, kind: str | None = None, classes: Sequence[str] | None = None
) -> dict[str, Any]:
    """The description that `save_weights` put into a file.

    Args:
        path: the file.
        kind: "classifier" or "network"; None takes either.
        classes: the foreground classes it must have learnt; None takes any.

    Raises:
        UserError: not such a file, of another kind, or of other classes.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such weights file.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            description = json.loads(metadata[_TEXT])
    except (SafetensorError, OSError, KeyError, ValueError):
        raise UserError(f"{path}: not a weights file of auxseg; run its stage again.") from None
    if metadata.get(_DIGEST) != sha256(metadata[_TEXT]):
        raise UserError(f"{path}: damaged; delete the file and run its stage again.")
    if kind is not None and description.get("kind") != kind:
        raise UserError(f"{path}: holds a {description.get('kind')}, where a {kind} is needed.")
    if classes is not None and description["classes"] != list(classes):
        raise UserError(
            f"{path}: learnt {', '.join(description['classes'])}, but the index has "
            f"{', '.join(classes)}; train on this index."
        )
    return description
