"""Reads artifacts of maps."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from auxseg.errors import UserError
from auxseg.store.artifact import open_artifact, reading
from auxseg.store.maps import GROUP, id_of, key_of, read_map


class MapReader:
    """Reads an artifact's maps by image id.

    Raises:
        UserError: the file is missing, not an artifact, incomplete, or of another kind.
    """

    def __init__(self, path: Path, kind: str | None = None) -> None:
        self.path = Path(path)
        self._file, self.attributes = open_artifact(self.path)
        with contextlib.ExitStack() as on_error:
            on_error.callback(self._file.close)
            found = self.attributes.get("kind")
            if kind is not None and found != kind:
                raise UserError(f"{path}: holds {found!r}, where {kind!r} is needed.")
            if GROUP not in self._file:
                raise UserError(f"{path}: a table ({found!r}), where maps of images are needed.")
            self._maps = self._file[GROUP]
            on_error.pop_all()

    def ids(self) -> list[str]:
        """All image ids, sorted."""
        with reading(self.path):
            return sorted(id_of(key) for key in self._maps)

    def __contains__(self, image_id: str) -> bool:
        return key_of(image_id) in self._maps

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
        values, _ = self.read_with_attributes(image_id)
        if size is not None and values.shape[-2:] != size:
            height, width = values.shape[-2:]
            raise UserError(
                f"{self.path}: the map of image {image_id!r} has {width} x {height} pixels where "
                f"{size[1]} x {size[0]} are needed; delete the file and run its stage again."
            )
        return values

    def read_with_attributes(self, image_id: str) -> tuple[np.ndarray, dict[str, Any]]:
        """The map of one image, and its attributes.

        Raises:
            UserError: the artifact has no such id, or its map is damaged.
        """
        key = key_of(image_id)
        if key not in self._maps:
            raise UserError(
                f"{self.path}: has no map of image {image_id!r}; "
                f"delete the file and run its stage again."
            )
        with reading(self.path, f"the map of image {image_id!r} is damaged"):
            return read_map(self._maps[key], key)

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
