"""What all artifacts of stages have in common: one HDF5 file that says what it is and made it.

    /    attributes: kind, format_version, auxseg_version, options (JSON),
         inputs (JSON: name -> SHA-256), created, complete = 1, the kind's own,
         content and seal (SHA-256)

Whatever changes in a file by accident is noticed. HDF5's structure carries checksums of its own
(that is what its format of 1.10 is for), `seal` covers the attributes and the names of all that
the file holds, and each value has a digest, which `content` sums up. Texts have a fixed length,
since HDF5 keeps others outside its checksums.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from auxseg import __version__
from auxseg.errors import UserError, disk_fault
from auxseg.store.atomic import temporary_beside, writing
from auxseg.store.h5file import create_h5

FORMAT_VERSION = 2
_SEAL = "seal"


@dataclass(frozen=True)
class Header:
    """What an artifact says of itself.

    Attributes:
        kind: the stage's word for its content ("cam", "labels", ...).
        options: canonical JSON of the options that made it.
        inputs: name -> SHA-256 of each input artifact.
        extra: the kind's own root attributes (str, numbers, lists of them).
    """

    kind: str
    options: str = "{}"
    inputs: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """Equal for works that may continue one another."""
        parts = [FORMAT_VERSION, __version__, self.kind, self.options, dict(self.inputs)]
        return sha256(canonical([*parts, dict(self.extra)]))


@contextlib.contextmanager
def new_artifact(path: Path, header: Header, group: str) -> Iterator[tuple[h5py.Group, dict]]:
    """Write an artifact under its final name once the caller has filled it.

    Args:
        path: the final name.
        header: of the artifact.
        group: that holds its content.

    Yields:
        The group, and an empty dictionary for the digest of everything put into it, by name.

    Raises:
        UserError: the system cannot write it.
    """
    temporary = temporary_beside(path)
    digests: dict[str, str] = {}
    with writing(temporary, path), create_h5(temporary) as file:
        yield file.create_group(group), digests
        write_attributes(
            file.attrs,
            {
                "kind": header.kind,
                "format_version": FORMAT_VERSION,
                "auxseg_version": __version__,
                "options": header.options,
                "inputs": json.dumps(dict(header.inputs), sort_keys=True),
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "complete": 1,
                **header.extra,
                "content": _content_digest(header, digests),
            },
        )
        write_attributes(file.attrs, {_SEAL: _seal(read_attributes(file.attrs), file[group])})


@contextlib.contextmanager
def reading(path: Path, fault: str = "not an HDF5 file, or a damaged one") -> Iterator[None]:
    """The several errors that h5py has for damaged files become one sentence.

    What the system says of a disk or of permissions is no damage, and passes.
    """
    try:
        yield
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        if disk_fault(error) is not None:
            if isinstance(error, OSError) and error.filename is None:
                error.filename = str(path)  # HDF5 names none
            raise
        raise UserError(f"{path}: {fault}; delete the file and run its stage again.") from None


def open_artifact(path: Path) -> tuple[h5py.File, dict[str, Any]]:
    """A whole artifact, and its root attributes as plain Python.

    Raises:
        UserError: missing, not an artifact, of another format, or damaged.
    """
    if not path.exists():
        raise UserError(f"{path}: no such artifact; run the stage that writes it first.")
    if path.is_dir():
        raise UserError(f"{path}: a folder; name an artifact in it.")
    if path.suffix != ".h5":
        raise UserError(f"{path}: not an artifact: their names end in .h5; name one that does.")
    with contextlib.ExitStack() as on_error, reading(path):
        file = on_error.enter_context(h5py.File(path, "r"))
        attributes = read_attributes(file.attrs)
        if attributes.get("complete") != 1:
            raise UserError(
                f"{path}: not a complete artifact of auxseg; delete it and run its stage."
            )
        found = attributes.get("format_version")
        if found != FORMAT_VERSION:
            raise UserError(
                f"{path}: format {found}, but this version reads {FORMAT_VERSION}; "
                f"delete it and run its stage again."
            )
        (group,) = file
        if attributes.pop(_SEAL, None) != _seal(attributes, file[group]):
            raise UserError(f"{path}: damaged; delete the file and run its stage again.")
        on_error.pop_all()
    return file, attributes


def artifact_attributes(path: Path) -> dict[str, Any]:
    """What a whole artifact says of itself: its root attributes as plain Python.

    Raises:
        UserError: as of `open_artifact`.
    """
    file, attributes = open_artifact(path)
    file.close()
    return attributes


def inputs_of(attributes: Mapping[str, Any]) -> dict[str, str]:
    """What an artifact was made from, by its attributes: name -> digest."""
    return dict(json.loads(attributes["inputs"]))


def file_digest(path: Path) -> str:
    """An artifact's content digest, or the SHA-256 of any other file.

    Raises:
        UserError: missing; or named as an artifact, and none, or damaged.
    """
    if path.suffix == ".h5":
        return str(artifact_attributes(path)["content"])
    if not path.is_file():
        raise UserError(f"{path}: no such file; name one that is there.")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_attributes(attributes: h5py.AttributeManager, values: Mapping[str, Any]) -> None:
    """Write str, numbers, arrays and lists of them as attributes; texts get a fixed length."""
    for name, value in values.items():
        array = fixed_texts(np.asarray(value))
        attributes.create(name, array, dtype=array.dtype)


def read_attributes(attributes: h5py.AttributeManager) -> dict[str, Any]:
    """Attributes as plain Python: str, numbers, lists of them."""
    return {name: _plain(value) for name, value in attributes.items()}


def fixed_texts(array: np.ndarray) -> np.ndarray:
    """An array whose texts are UTF-8 of a length that is the same for all; others as they are."""
    if array.dtype.kind not in "UO":
        return array
    texts = np.array([encoded(text) for text in array.flat], dtype=bytes).reshape(array.shape)
    return texts.astype(h5py.string_dtype("utf-8", max(1, texts.dtype.itemsize)))


def encoded(text: str) -> bytes:
    """UTF-8; names of files that are none keep their bytes."""
    return text.encode(errors="surrogateescape")


def decoded(text: bytes) -> str:
    """The text that was `encoded`."""
    return text.decode(errors="surrogateescape")


def canonical(value: Any) -> str:
    """JSON that is equal for equal values, whether they come from Python, NumPy or a file."""
    return json.dumps(value, sort_keys=True, default=lambda value: value.tolist())


def sha256(text: str) -> str:
    """Of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _seal(attributes: Mapping[str, Any], group: h5py.Group) -> str:
    return sha256(canonical([dict(attributes), group.name, sorted(group)]))


def _content_digest(header: Header, digests: Mapping[str, str]) -> str:
    """Of what the artifact holds, whoever made it and when: kind, own attributes, values."""
    return sha256(canonical([header.kind, dict(header.extra), dict(digests)]))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return decoded(value)
    return value.item() if isinstance(value, np.generic) else value
