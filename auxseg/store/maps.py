"""How maps lie in an artifact: one HDF5 data set an image.

/maps/{image id}    chunked and compressed, with its own attributes and its digest
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from auxseg.signals import let_signals_in
from auxseg.store.artifact import canonical, read_attributes, write_attributes

GROUP = "maps"
_DIGEST = "digest"
_COMPRESSION = {"compression": "gzip", "compression_opts": 4, "shuffle": True}


def write_map(maps: h5py.Group, key: str, array: np.ndarray, attributes: Mapping[str, Any]) -> None:
    """Add a map, with its digest; one of one axis, the bytes of a file, is not compressed."""
    # A chunk is one channel of one image: the unit that readers want.
    chunks = (1,) * (array.ndim - 2) + array.shape[-2:]
    layout = {"chunks": chunks, **_COMPRESSION} if array.size and array.ndim > 1 else {}
    data = maps.create_dataset(key, data=array, track_times=False, **layout)
    write_attributes(data.attrs, attributes)
    digest = _digest(key, array, read_attributes(data.attrs))
    write_attributes(data.attrs, {_DIGEST: digest})


def read_map(data: h5py.Dataset, key: str) -> tuple[np.ndarray, dict[str, Any]]:
    """A map and its attributes.

    Raises:
        OSError, ValueError, ...: it is damaged.
    """
    array, attributes = np.asarray(data[()]), read_attributes(data.attrs)
    if attributes.pop(_DIGEST, None) != _digest(key, array, attributes):
        raise ValueError(f"the digest of {key} does not fit")
    return array, attributes


def copy_maps(source: h5py.Group, maps: h5py.Group) -> dict[str, str]:
    """Copy maps as they lie on disk, compressed, and hear of signals in between.

    Returns:
        Their digests, by key.

    Raises:
        OSError, ValueError, ...: one is damaged.
    """
    digests = {}
    for key in source:
        read_map(source[key], key)
        source.copy(key, maps)
        digests[key] = str(read_attributes(maps[key].attrs)[_DIGEST])
        let_signals_in()
    return digests


def _digest(key: str, array: np.ndarray, attributes: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(canonical([key, array.dtype.str, array.shape, attributes]).encode())
    digest.update(np.ascontiguousarray(array))  # type: ignore[arg-type]
    return digest.hexdigest()


def key_of(image_id: str) -> str:
    """An id as HDF5 link name: '/' separates groups there and '.' means the group itself."""
    key = image_id.replace("%", "%25").replace("/", "%2F")
    return key.replace(".", "%2E") if set(key) == {"."} else key


def id_of(key: str) -> str:
    """The id of an HDF5 link name."""
    return key.replace("%2E", ".").replace("%2F", "/").replace("%25", "%")
