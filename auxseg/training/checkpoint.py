"""Checkpoints: plain tensors and numbers, written atomically, read without unpickling code."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from auxseg.store import write_atomically


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after whole epochs.

    Attributes:
        fingerprint: of options and inputs; only the same may continue.
        epochs: whole epochs done.
        parts: state dict of everything that learns, by name: model, optimiser, ...
        history: a row a step so far.
    """

    fingerprint: str
    epochs: int
    parts: dict[str, dict[str, Any]]
    history: list[dict[str, float]]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the last one stays whole until this one is."""
    buffer = io.BytesIO()
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    torch.save(fields, buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: Path, fingerprint: str) -> Checkpoint | None:
    """The checkpoint to continue from; None where there is none, or one of other options."""
    if not path.is_file():
        return None
    try:
        checkpoint = Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except Exception:  # damaged or foreign: training starts anew, which is always right
        return None
    return checkpoint if checkpoint.fingerprint == fingerprint else None
