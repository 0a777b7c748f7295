"""What the files of a run say of themselves: when they were made, from what, and by which options.

Nothing is read whole but small weights: an artifact's head holds the digest of its content, and its
seal tells whether head and structure are as they were written. Whether single maps are whole is
seen only where they are read.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auxseg.datasets.index_file import KIND as INDEX
from auxseg.description import read_description
from auxseg.errors import UserError
from auxseg.store import artifact_attributes, file_digest, inputs_of, read_table

LARGEST_HASHED = 64 * 2**20  # bytes: a tenth of a second


@dataclass(frozen=True)
class Record:
    """What one file says of itself.

    Attributes:
        made: when, in the local time zone.
        modified: the file's own time, in nanoseconds.
        digest: what those made from it recorded; None of weights too large to be hashed, and of
            files that nothing records.
        inputs: name -> digest of what it was made from.
        options: that made it.
        packed: of an index, whether photographs are packed beside it.
        fault: why it cannot be used; empty where it can.
    """

    made: datetime
    modified: int
    digest: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    packed: bool = False
    fault: str = ""


def latest_change(paths: Iterable[Path]) -> float:
    """When any of the files changed last, in seconds since the epoch; 0 where none is there."""
    latest = 0.0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # a job at work removes files
            latest = max(latest, path.stat().st_mtime)
    return latest


class RunFiles:
    """The files of a run, by path relative to its folder; each is read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._records: dict[str, Record | None] = {}
        self._splits: Mapping[str, int] | None = None

    def record(self, path: str) -> Record | None:
        """What a file says of itself; None where there is none."""
        if path not in self._records:
            self._records[path] = _read_record(self.folder / path)
        return self._records[path]

    def photographs(self, which: str) -> int | None:
        """How many photographs a stage takes; None where the index does not tell.

        Args:
            which: a split, "labelled" for all that have a label, or "evaluation" for split val, or
                train where there is no val.
        """
        if self._splits is None:
            self._splits = _count_photographs(self.folder / "index.h5")
        if which == "evaluation":
            which = "val" if "val" in self._splits else "train"
        return self._splits.get(which)


def _read_record(path: Path) -> Record | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    plain = Record(datetime.fromtimestamp(status.st_mtime, UTC).astimezone(), status.st_mtime_ns)
    try:
        if path.suffix == ".h5":
            return _artifact(path, plain)
        if path.suffix == ".safetensors":
            return _weights(path, plain, status.st_size)
        _refuse_cut_off(path)
    except UserError as error:
        return Record(plain.made, plain.modified, fault=str(error).removeprefix(f"{path}: "))
    return plain


def _artifact(path: Path, plain: Record) -> Record:
    attributes = artifact_attributes(path)
    return Record(
        datetime.fromisoformat(attributes["created"]).astimezone(),
        plain.modified,
        str(attributes["content"]),
        inputs_of(attributes),
        json.loads(attributes["options"]),
        bool(attributes.get("packed")),
    )


def _weights(path: Path, plain: Record, size: int) -> Record:
    about = read_description(path)
    return Record(
        plain.made,
        plain.modified,
        file_digest(path) if size <= LARGEST_HASHED else None,
        about.get("inputs", {}),
        about.get("options", {}),
    )


def _refuse_cut_off(path: Path) -> None:
    """Refuse an empty file, and a table that does not end with its line."""
    try:
        with path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            last = stream.read()
    except OSError:
        last = b""
    if not last or (path.suffix == ".csv" and last != b"\n"):
        raise UserError(f"{path}: damaged; delete the file and run its stage again.")


def _count_photographs(index: Path) -> Mapping[str, int]:
    """By split, and "labelled"; nothing without an index that can be read."""
    try:
        _, columns = read_table(index, INDEX)
    except UserError:
        return {}
    splits = list(columns["split"])
    counts = {split: splits.count(split) for split in set(splits)}
    return {**counts, "labelled": int(columns["labels"].any(axis=1).sum())}
