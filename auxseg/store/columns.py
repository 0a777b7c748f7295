"""Artifacts that are tables: /columns/{name}, equally long, numbers or texts (UTF-8)."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from auxseg.errors import UserError
from auxseg.store.artifact import (
    Header,
    decoded,
    fixed_texts,
    new_artifact,
    open_artifact,
    read_attributes,
    reading,
    write_attributes,
)

_GROUP = "columns"
_DIGEST = "digest"


def write_table(path: Path, header: Header, columns: Mapping[str, np.ndarray]) -> None:
    """Write columns as an artifact.

    Raises:
        UserError: the system cannot write it.
    """
    with new_artifact(path, header, _GROUP) as (group, digests):
        for name, values in columns.items():
            stored = fixed_texts(values)
            data = group.create_dataset(name, data=stored, track_times=False)
            digests[name] = _digest(name, stored)
            write_attributes(data.attrs, {_DIGEST: digests[name]})


def read_table(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The root attributes and columns of a table; texts as Python str in object arrays.

    Raises:
        UserError: the file is missing, not an artifact, damaged, or of another kind.
    """
    file, attributes = open_artifact(Path(path))
    with file, reading(path):
        if attributes.get("kind") != kind or _GROUP not in file:
            raise UserError(f"{path}: holds {attributes.get('kind')!r}, where {kind!r} is needed.")
        columns = {}
        for name, data in file[_GROUP].items():
            stored = data[()]
            if read_attributes(data.attrs).get(_DIGEST) != _digest(name, stored):
                raise ValueError(name)
            columns[name] = _texts(stored) if stored.dtype.kind == "S" else stored
    return attributes, columns


def _digest(name: str, values: np.ndarray) -> str:
    digest = hashlib.sha256(f"{name} {values.dtype.str} {values.shape}".encode())
    digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _texts(values: np.ndarray) -> np.ndarray:
    return np.array([decoded(value) for value in values], dtype=object)
