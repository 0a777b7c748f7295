"""Maps that other methods left in files: saliency, CAMs and pseudo labels of our photographs."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import h5py
import numpy as np

from auxseg.datasets.accents import spellings
from auxseg.datasets.index_file import Entry
from auxseg.datasets.photographs import is_file
from auxseg.datasets.record import IGNORE
from auxseg.errors import UserError, listing, reason_of
from auxseg.images import fit, fit_mask, read_mask, read_saliency

Found = TypeVar("Found")

_MOST_VALUES = 200_000_000  # an HDF5 file may promise more than it holds
_PICTURES = (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG")


def find_all(
    entries: Iterable[Entry], find: Callable[[Entry], Found | None], what: str, place: str
) -> dict[str, Found]:
    """What `find` finds for every image, by id; all that are missing are one error.

    Raises:
        UserError: naming every image without, and every file that two images would share.
    """
    found = {entry.id: find(entry) for entry in entries}
    faults = [f"no {what} for image {i!r}" for i, path in found.items() if path is None]
    users: dict[Found, str] = {}
    for image_id, path in found.items():
        if path is not None and (first := users.setdefault(path, image_id)) != image_id:
            faults.append(f"{path} would serve both {first!r} and {image_id!r}; use subfolders")
    if faults:
        raise listing(faults, f"{what}s in {place} cannot be used")
    return {i: path for i, path in found.items() if path is not None}


def check_folder(folder: Path, key: str) -> None:
    """Refuse a folder of maps that is not there, before each image is said to have none.

    Raises:
        UserError: naming the key.
    """
    if not folder.is_dir():
        raise UserError(f"{key}: {folder}: no such folder; mend its name.")


def picture_of(folder: Path, entry: Entry) -> Path | None:
    """The PNG or JPG that is named as the image, by its id or its file."""
    return _first_file(folder, entry, _PICTURES)


def index_picture_of(folder: Path, entry: Entry) -> Path | None:
    """The PNG that is named as the image: JPG would blur indices."""
    return _first_file(folder, entry, (".png", ".PNG"))


def cam_of(folder: Path, entry: Entry) -> Path | None:
    """The .npy or .h5 file, or the folder of pictures, that is named as the image."""
    file = _first_file(folder, entry, (".npy", ".h5"))
    return file or next((path for path in _named(folder, entry, "") if path.is_dir()), None)


def read_matching_saliency(path: Path, entry: Entry) -> np.ndarray:
    """A saliency map at the entry's size, (height, width) uint8.

    Raises:
        UserError: unreadable, or made from another image by its size.
    """
    values = read_saliency(path)
    _check_size(path, values, entry)
    return fit(values, entry.size)


def read_labels(path: Path, entry: Entry) -> np.ndarray:
    """Pseudo labels at the entry's size, (height, width) uint8: k = the k-th class, 255 ignored.

    Raises:
        UserError: no index PNG, an index that is no class, or made from another image by its size.
    """
    labels = read_mask(path)
    _check_size(path, labels, entry)
    num_classes = len(entry.labels)
    if (strange := labels[(labels > num_classes) & (labels != IGNORE)]).size:
        raise UserError(
            f"{path}: value {strange[0]} is no class; allowed are 0 (background), 1 to "
            f"{num_classes} and {IGNORE} (ignored)."
        )
    return fit_mask(labels, entry.size)


def read_cam(path: Path, entry: Entry, classes: Sequence[str]) -> np.ndarray:
    """Another method's CAMs of an image's own K classes, (K, h, w) float32, unbounded.

    Args:
        path: .npy, or .h5 with a data set "cam", of (K, h, w), or of (C, h, w) for all classes; or
            a folder of grey pictures named by class.
        entry: the image.
        classes: all C names.

    Raises:
        UserError: unreadable, no such array, or of other proportions than the image.
    """
    own = np.flatnonzero(entry.labels)
    if path.is_dir():
        pictures = [_class_picture(path, classes[int(k)]) for k in own]
        if len(shapes := {picture.shape for picture in pictures}) > 1:
            sizes = " and ".join(f"{width} x {height}" for height, width in sorted(shapes))
            raise UserError(f"{path}: pictures of {sizes} pixels; make them of one size.")
        maps = np.stack(pictures)
    else:
        maps = _array(path)
        if maps.ndim != 3 or len(maps) not in (len(own), len(classes)):
            raise UserError(
                f"{path}: an array {maps.shape}, where ({len(own)}, h, w) of the image's own "
                f"classes or ({len(classes)}, h, w) of all are needed."
            )
        maps = maps if len(maps) == len(own) else maps[own]
    if not np.isfinite(maps).all():
        raise UserError(f"{path}: holds values that are not finite; make it again.")
    height, width = maps.shape[1:]
    if abs(height * entry.width - width * entry.height) > entry.width + entry.height:
        raise UserError(
            f"{path}: maps of {width} x {height} cannot be those of an image of {entry.width} x "
            f"{entry.height}; make them from that very image, unpadded."
        )
    return maps.astype(np.float32)


def _first_file(folder: Path, entry: Entry, suffixes: tuple[str, ...]) -> Path | None:
    paths = (path for suffix in suffixes for path in _named(folder, entry, suffix))
    return next((path for path in paths if is_file(path)), None)


def _named(folder: Path, entry: Entry, suffix: str) -> list[Path]:
    names = (*spellings(entry.id), entry.image.stem)
    return [folder / f"{name}{suffix}" for name in dict.fromkeys(names)]


def _check_size(path: Path, values: np.ndarray, entry: Entry) -> None:
    """Refuse a map that has neither the photograph's size nor that to which it was scaled down."""
    if values.shape == entry.size:
        return
    height, width = entry.full_size()
    if values.shape != (height, width):
        raise UserError(
            f"{path}: {values.shape[1]} x {values.shape[0]} pixels, but image {entry.id!r} has "
            f"{width} x {height}; make it from that very image."
        )


def _class_picture(folder: Path, name: str) -> np.ndarray:
    for suffix in _PICTURES:
        if (path := folder / f"{name}{suffix}").is_file():
            return read_saliency(path).astype(np.float32)
    raise UserError(f"{folder}: no picture of class {name!r}; name them {name}.png and so on.")


def _array(path: Path) -> np.ndarray:
    """The array of a file; mapped or checked before it is read, and never unpickled."""
    try:
        if path.suffix == ".npy":
            found = np.array(np.load(path, mmap_mode="r", allow_pickle=False))
        else:
            with h5py.File(path, "r") as file:
                if (size := file["cam"].size) > _MOST_VALUES:
                    raise ValueError(f"{size:,} values are more than the limit of {_MOST_VALUES:,}")
                found = np.asarray(file["cam"][()])
        if found.dtype.kind not in "fiub" or found.size == 0:
            raise ValueError(f"its type is {found.dtype}, its shape {found.shape}")
        return found
    except MemoryError:
        raise
    except Exception as error:  # on damaged bytes NumPy and h5py raise nearly anything
        raise UserError(
            f"{path}: not a plain array of numbers that can be read ({reason_of(error)}); save one "
            f"by numpy.save, or as data set 'cam' of an HDF5 file."
        ) from None
