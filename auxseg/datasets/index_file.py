"""index.h5: the validated records, as every later stage reads them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auxseg.datasets.packed import PackedImages, packed_beside
from auxseg.errors import UserError
from auxseg.images import fit, image_size, read_image, scaled_size
from auxseg.store import Header, read_table, write_table

KIND = "index"


@dataclass(frozen=True)
class Entry:
    """One validated photograph.

    Attributes:
        labels: (C,) bool, which foreground classes are present.
        height, width: of the upright photograph, after index.longest_side, pixels.
        saliency: a map the data set brings along, or None.
        digest: SHA-256 of the photograph's file: part of the index's own, so that work on another
            photograph of the same name is never continued.
        packed: what holds the photograph's file; None = the file itself is read.
    """

    id: str
    split: str
    image: Path
    height: int
    width: int
    labels: np.ndarray
    saliency: Path | None
    digest: str = ""
    packed: PackedImages | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    def photograph(self) -> np.ndarray:
        """(height, width, 3) uint8 RGB, upright.

        Raises:
            UserError: the file is no longer there, damaged, or of another shape than it was.
        """
        found = read_image(self.image, self._content())
        if scaled_size((found.shape[0], found.shape[1]), max(self.size)) != self.size:
            raise UserError(
                f"{self.image}: has another shape than when the index was made; delete index.h5 "
                f"and run the same command again."
            )
        return fit(found, self.size)

    def full_size(self) -> tuple[int, int]:
        """(height, width) of the upright photograph before index.longest_side.

        Raises:
            UserError: the file is no longer there, or damaged.
        """
        return image_size(self.image, self._content())

    def _content(self) -> bytes | None:
        return None if self.packed is None else self.packed.content(self.id)


@dataclass(frozen=True)
class Index:
    """All entries of a data set, in its own order.

    Attributes:
        classes: C foreground class names.
        palette: RGB of background and classes, (C + 1) rows.
        packed: whether photographs are read from images.h5 beside the index.
    """

    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    entries: tuple[Entry, ...]
    packed: bool = False

    def split(self, name: str) -> list[Entry]:
        """The entries of one split.

        Raises:
            UserError: the split is empty.
        """
        found = [entry for entry in self.entries if entry.split == name]
        if not found:
            splits = ", ".join(dict.fromkeys(entry.split for entry in self.entries))
            raise UserError(
                f"the index holds no image of split {name!r}, only of {splits}; take one of these, "
                f"or add images to the lists of section index."
            )
        return found

    def longest_side(self) -> int:
        """The median of the training photographs' longer sides, pixels."""
        return round(float(np.median([max(entry.size) for entry in self.split("train")])))


def write_index(path: Path, header: Header, index: Index) -> None:
    """Write index.h5; `header.extra` is completed with class names and palette.

    Paths that are relative to the working folder are kept relative to the index, so that a project
    can be moved with its data.
    """
    entries = index.entries
    extra = {
        **header.extra,
        "classes": list(index.classes),
        "palette": np.asarray(index.palette, dtype=np.uint8),
        "packed": int(index.packed),
    }
    columns = {
        "id": _strings([e.id for e in entries]),
        "split": _strings([e.split for e in entries]),
        "image": _strings([_stored(e.image, path) for e in entries]),
        "saliency": _strings([_stored(e.saliency, path) for e in entries]),
        "digest": _strings([e.digest for e in entries]),
        "height": np.array([e.height for e in entries], dtype=np.int32),
        "width": np.array([e.width for e in entries], dtype=np.int32),
        "labels": np.array([e.labels for e in entries], dtype=np.uint8),
    }
    write_table(path, Header(header.kind, header.options, header.inputs, extra), columns)


def read_index(path: Path) -> Index:
    """Read index.h5.

    Raises:
        UserError: not a complete index.
    """
    attributes, columns = read_table(path, KIND)
    packed = PackedImages(packed_beside(path)) if attributes.get("packed") else None
    entries = tuple(
        Entry(
            id=columns["id"][i],
            split=columns["split"][i],
            image=_found(columns["image"][i], path),
            height=int(columns["height"][i]),
            width=int(columns["width"][i]),
            labels=columns["labels"][i].astype(bool),
            saliency=_found(columns["saliency"][i], path) if columns["saliency"][i] else None,
            digest=columns["digest"][i],
            packed=packed,
        )
        for i in range(len(columns["id"]))
    )
    palette = tuple(tuple(int(v) for v in row) for row in attributes["palette"])
    return Index(
        tuple(attributes["classes"]),
        palette,  # type: ignore[arg-type]
        entries,
        packed is not None,
    )


def _stored(file: Path | None, index: Path) -> str:
    if file is None or file.is_absolute():
        return str(file or "")
    # A link to a file stays one: where it leads may change.
    return os.path.relpath(file.parent.resolve() / file.name, index.parent.resolve())


def _found(stored: str, index: Path) -> Path:
    return Path(os.path.normpath(index.parent.resolve() / stored))


def _strings(values: Sequence[str]) -> np.ndarray:
    return np.array(values, dtype=object)
