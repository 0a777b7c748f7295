"""What a weights file says of itself: read without its tensors, and without torch."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from auxseg.errors import UserError
from auxseg.store import sha256

_KEY = "auxseg"  # one key alone: safetensors writes several in any order


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
        KeyError, TypeError, ValueError: nothing of ours was written.
    """
    outer = json.loads((metadata or {})[_KEY])
    if outer["digest"] != sha256(outer["text"]):
        raise UserError(f"{path}: damaged; delete the file and run its stage again.")
    inner = json.loads(outer["text"])
    return inner["description"], inner["content"]


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
            description, _ = read_metadata(path, file.metadata())
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        raise UserError(f"{path}: not a weights file of auxseg; run its stage again.") from None
    if kind is not None and description.get("kind") != kind:
        raise UserError(f"{path}: holds a {description.get('kind')}, where a {kind} is needed.")
    if classes is not None and description["classes"] != list(classes):
        raise UserError(
            f"{path}: learnt {', '.join(description['classes'])}, but the index has "
            f"{', '.join(classes)}; train on this index."
        )
    return description
