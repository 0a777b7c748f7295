"""Checkpoints: plain tensors and numbers, written atomically, read without unpickling code."""

import hashlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from auxseg.store import write_atomically


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after whole steps.

    Attributes:
        fingerprint: of options and inputs; only the same may continue.
        parts: state dict of everything that learns, by name: model, optimiser, ...
        history: a row a step so far.
    """

    fingerprint: str
    parts: dict[str, dict[str, Any]]
    history: list[dict[str, float]]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, and its SHA-256 behind it; the last one stays whole until this one is."""
    buffer = io.BytesIO()
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    torch.save(fields, buffer)
    content = buffer.getvalue()
    write_atomically(path, content + hashlib.sha256(content).digest())


def load_checkpoint(path: Path, fingerprint: str) -> Checkpoint | None:
    """The checkpoint to continue from; None where there is none that fits.

    A damaged one, and one of other options or inputs, is told of and left aside: training starts
    anew, which is always right.
    """
    if not path.is_file():
        return None
    whole = path.read_bytes()
    size = len(whole) - hashlib.sha256().digest_size
    try:
        if hashlib.sha256(whole[:size]).digest() != whole[size:]:
            raise ValueError("another digest")
        fields = torch.load(io.BytesIO(whole[:size]), map_location="cpu", weights_only=True)
        checkpoint = Checkpoint(**fields)
    except Exception:  # damaged, or what another program or version wrote
        print(f"{path}: damaged; training starts anew", file=sys.stderr)
        return None
    if checkpoint.fingerprint != fingerprint:
        print(f"{path}: of other options or inputs; training starts anew", file=sys.stderr)
        return None
    return checkpoint
