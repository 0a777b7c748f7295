"""Artifacts: one HDF5 file a stage, one data set an image, atomic and resumable.

Layout of a file (any HDF5 viewer reads it):

    /                   attributes: kind, format_version, auxseg_version, options (JSON),
                        inputs (JSON: name -> SHA-256), created, complete = 1, and the kind's own
    /maps/{image id}    one chunked, compressed data set an image, with its own attributes

Work goes to `{name}.parts/NNNNN.h5`, each part written aside, fsynced and renamed; `finish` joins
the parts under the final name. A kill at any instant costs at most one part.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from auxseg import __version__
from auxseg.errors import UserError
from auxseg.h5file import create_h5

FORMAT_VERSION = 1
MAPS_PER_PART = 64
_COMPRESSION = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
_DIGEST_KEY = "digest"


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
        """Equal for parts that may be joined."""
        text = json.dumps(
            [
                FORMAT_VERSION,
                __version__,
                self.kind,
                self.options,
                dict(self.inputs),
                dict(self.extra),
            ],
            sort_keys=True,
            default=str,
        )
        return hashlib.sha256(text.encode()).hexdigest()


class MapWriter:
    """Writes one map an image; continues after the last whole part of an interrupted run.

    Use as a context manager: leaving it without an error finishes the file.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        maps_per_part: int = MAPS_PER_PART,
        *,
        resume: bool = True,
    ) -> None:
        """Open the artifact for writing.

        Args:
            path: the final name.
            header: of the artifact.
            maps_per_part: images that a kill may cost.
            resume: False discards the parts of an interrupted run: for inputs without a digest.
        """
        self.path = Path(path)
        self.header = header
        self._parts = self.path.with_name(self.path.name + ".parts")
        self._maps_per_part = maps_per_part
        self._pending: dict[str, tuple[np.ndarray, dict[str, Any]]] = {}
        if not resume:
            shutil.rmtree(self._parts, ignore_errors=True)
        self._done = self._recover()

    def missing(self, ids: Iterable[str]) -> list[str]:
        """The ids, in order, that no whole part holds yet."""
        return [i for i in ids if i not in self._done and i not in self._pending]

    def put(self, image_id: str, array: np.ndarray, **attributes: Any) -> None:
        """Add one image's map; flushed to disk with its part. What a whole part holds stays."""
        if image_id in self._done:
            return
        self._pending[image_id] = (array, attributes)
        if len(self._pending) >= self._maps_per_part:
            self._flush()

    def finish(self) -> None:
        """Join the parts under the final name, in order of id, and remove them."""
        self._flush()
        temporary = self.path.with_name(self.path.name + ".tmp")
        with _writing(temporary, self.path), create_h5(temporary) as target:
            maps = target.create_group("maps")
            digests: dict[str, str] = {}
            for part in self._part_files():
                with h5py.File(part, "r") as source:
                    for key in source["maps"]:
                        source["maps"].copy(key, maps)
                        digests[key] = str(maps[key].attrs[_DIGEST_KEY])
            _write_header(target, self.header)
            target.attrs["content"] = _content_digest(self.header, digests)
            target.attrs["complete"] = 1
        shutil.rmtree(self._parts, ignore_errors=True)

    def __enter__(self) -> "MapWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()

    def _recover(self) -> set[str]:
        """Ids in whole parts; parts of other options or inputs are discarded."""
        fingerprint = self.header.fingerprint()
        done: set[str] = set()
        for part in self._part_files():
            try:
                with h5py.File(part, "r") as file:
                    fits = file.attrs.get("fingerprint") == fingerprint
                    keys = {_id_of(key) for key in file["maps"]} if fits else set()
            except (OSError, KeyError):
                fits, keys = False, set()
            if not fits:
                part.unlink()
            done |= keys
        return done

    def _part_files(self) -> list[Path]:
        return sorted(self._parts.glob("[0-9]*.h5"))

    def _flush(self) -> None:
        if not self._pending:
            return
        files = self._part_files()
        number = int(files[-1].stem) + 1 if files else 0
        temporary = self._parts / f"{number:05d}.h5.tmp"
        final = self._parts / f"{number:05d}.h5"
        with _writing(temporary, final), create_h5(temporary) as file:
            file.attrs["fingerprint"] = self.header.fingerprint()
            maps = file.create_group("maps")
            for image_id, (array, attributes) in self._pending.items():
                _write_map(maps, image_id, array, attributes)
        self._done |= self._pending.keys()
        self._pending = {}


class MapReader:
    """Reads an artifact's maps by image id.

    Raises:
        UserError: the file is missing, not an artifact, incomplete, or of another kind.
    """

    def __init__(self, path: Path, kind: str | None = None) -> None:
        self.path = Path(path)
        self._file = _open_artifact(self.path)
        with contextlib.ExitStack() as on_error, _reading(path):
            on_error.callback(self._file.close)
            self.attributes: dict[str, Any] = {k: _plain(v) for k, v in self._file.attrs.items()}
            found = self.attributes.get("kind")
            if kind is not None and found != kind:
                raise UserError(f"{path}: holds {found!r}, where {kind!r} is needed.")
            if "maps" not in self._file:
                raise UserError(f"{path}: a table ({found!r}), where maps of images are needed.")
            self._maps = self._file["maps"]
            on_error.pop_all()

    def ids(self) -> list[str]:
        """All image ids, sorted."""
        with _reading(self.path):
            return sorted(_id_of(key) for key in self._maps)

    def __contains__(self, image_id: str) -> bool:
        return _key_of(image_id) in self._maps

    def __len__(self) -> int:
        return len(self._maps)

    def read(self, image_id: str, size: tuple[int, ...] | None = None) -> np.ndarray:
        """The map of one image, (H, W) or (planes, H, W).

        Args:
            image_id: of the image.
            size: (H, W) that the map must have; None = any.

        Raises:
            UserError: the artifact has no such id, or its map is damaged or of another size.
        """
        with _reading(self.path, f"the map of image {image_id!r} is damaged"):
            values = np.asarray(self._data(image_id)[()])
        if size is not None and values.shape[-2:] != size:
            height, width = values.shape[-2:]
            raise UserError(
                f"{self.path}: the map of image {image_id!r} has {width} x {height} pixels where "
                f"{size[1]} x {size[0]} are needed; delete the file and run its stage again."
            )
        return values

    def map_attributes(self, image_id: str) -> dict[str, Any]:
        """The attributes of one image's map."""
        with _reading(self.path, f"the map of image {image_id!r} is damaged"):
            found = self._data(image_id).attrs.items()
            return {k: _plain(v) for k, v in found if k != _DIGEST_KEY}

    def items(self) -> Iterator[tuple[str, np.ndarray]]:
        """Every (id, map), by id."""
        for image_id in self.ids():
            yield image_id, self.read(image_id)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "MapReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _data(self, image_id: str) -> Any:
        key = _key_of(image_id)
        if key not in self._maps:
            raise UserError(
                f"{self.path}: has no map of image {image_id!r}; "
                f"delete the file and run its stage again."
            )
        return self._maps[key]


def write_table(path: Path, header: Header, columns: Mapping[str, np.ndarray]) -> None:
    """Write equally long columns as an artifact: /columns/{name}; strings are kept as UTF-8."""
    temporary = path.with_name(path.name + ".tmp")
    digests = {name: hashlib.sha256() for name in columns}
    with _writing(temporary, path), create_h5(temporary) as file:
        group = file.create_group("columns")
        for name, values in columns.items():
            if values.dtype.kind in "UO":
                values = values.astype(h5py.string_dtype())
                digests[name].update("\0".join(values).encode())
            else:
                digests[name].update(np.ascontiguousarray(values).tobytes())
            group.create_dataset(name, data=values, track_times=False)
        _write_header(file, header)
        hashes = {name: digest.hexdigest() for name, digest in digests.items()}
        file.attrs["content"] = _content_digest(header, hashes)
        file.attrs["complete"] = 1


def read_table(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The root attributes and columns of a table; strings as Python str in object arrays.

    Raises:
        UserError: the file is missing, not an artifact, incomplete, or of another kind.
    """
    with _open_artifact(Path(path)) as file, _reading(path):
        attributes = {name: _plain(value) for name, value in file.attrs.items()}
        if attributes.get("kind") != kind or "columns" not in file:
            raise UserError(f"{path}: holds {attributes.get('kind')!r}, where {kind!r} is needed.")
        columns = {name: _column(file["columns"][name]) for name in file["columns"]}
    return attributes, columns


def _column(data: h5py.Dataset) -> np.ndarray:
    return data.asstr()[()] if h5py.check_string_dtype(data.dtype) else data[()]


def file_digest(path: Path) -> str:
    """An artifact's content digest, or the SHA-256 of any other file."""
    if path.suffix == ".h5":
        with _open_artifact(path) as file, _reading(path):
            return str(file.attrs["content"])
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small file so that its final name never holds half of it."""
    temporary = path.with_name(path.name + ".tmp")
    with _writing(temporary, path):
        temporary.write_bytes(content)


@contextlib.contextmanager
def _writing(temporary: Path, final: Path) -> Iterator[None]:
    """Let the caller write `temporary`, then rename it to `final`: on disk before and after.

    The system's errors become one sentence, and the half file is removed.
    """
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield
        _replace(temporary, final)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        reason = os.strerror(error.errno) if error.errno else str(error).splitlines()[0]
        raise UserError(
            f"{final.parent}: cannot write {final.name} ({reason}); "
            f"mend that and run the same command again: nothing before it is lost."
        ) from None


def _open_artifact(path: Path) -> h5py.File:
    if not path.exists():
        raise UserError(f"{path}: no such artifact; run the stage that writes it first.")
    with contextlib.ExitStack() as on_error, _reading(path):
        file = on_error.enter_context(h5py.File(path, "r"))
        if file.attrs.get("complete") != 1:
            raise UserError(
                f"{path}: not a complete artifact of auxseg; delete it and run its stage."
            )
        found = file.attrs.get("format_version")
        if found != FORMAT_VERSION:
            raise UserError(
                f"{path}: format {found}, but this version reads {FORMAT_VERSION}; "
                f"run its stage again."
            )
        on_error.pop_all()
    return file


@contextlib.contextmanager
def _reading(path: Path, fault: str = "not an HDF5 file, or a damaged one") -> Iterator[None]:
    """The several errors that h5py has for damaged files become one sentence."""
    try:
        yield
    except (OSError, KeyError, RuntimeError):
        raise UserError(f"{path}: {fault}; delete the file and run its stage again.") from None


def _write_header(file: h5py.File, header: Header) -> None:
    file.attrs["kind"] = header.kind
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["auxseg_version"] = __version__
    file.attrs["options"] = header.options
    file.attrs["inputs"] = json.dumps(dict(header.inputs), sort_keys=True)
    file.attrs["created"] = datetime.now(UTC).isoformat(timespec="seconds")
    for name, value in header.extra.items():
        file.attrs[name] = value


def _write_map(
    maps: h5py.Group, image_id: str, array: np.ndarray, attributes: Mapping[str, Any]
) -> None:
    # A chunk is one channel of one image: the unit that readers want.
    chunks = (1,) * (array.ndim - 2) + array.shape[-2:] if array.ndim > 2 else array.shape
    layout = {"chunks": chunks, **_COMPRESSION} if array.size else {}
    data = maps.create_dataset(_key_of(image_id), data=array, track_times=False, **layout)
    for name, value in attributes.items():
        data.attrs[name] = value
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(json.dumps(attributes, sort_keys=True, default=_jsonable).encode())
    data.attrs[_DIGEST_KEY] = digest.hexdigest()


def _content_digest(header: Header, digests: Mapping[str, str]) -> str:
    """Of what the artifact holds, whoever made it and when: kind, own attributes, maps."""
    extra = json.dumps(dict(header.extra), sort_keys=True, default=_jsonable)
    lines = [header.kind, extra, *(f"{key} {digests[key]}" for key in sorted(digests))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _replace(temporary: Path, final: Path) -> None:
    _fsync(temporary, os.O_RDWR)
    temporary.replace(final)
    _fsync(final.parent, os.O_RDONLY)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _key_of(image_id: str) -> str:
    """An id as HDF5 link name: '/' separates groups there and '.' means the group itself."""
    key = image_id.replace("%", "%25").replace("/", "%2F")
    return key.replace(".", "%2E") if set(key) == {"."} else key


def _id_of(key: str) -> str:
    return key.replace("%2E", ".").replace("%2F", "/").replace("%25", "%")


def _plain(value: Any) -> Any:
    """An HDF5 attribute as plain Python."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value


def _jsonable(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
