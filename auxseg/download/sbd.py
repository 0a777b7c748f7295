"""SBD's masks and lists, added to PASCAL VOC 2012: the augmented training set."""

import io
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from scipy.io import loadmat

from auxseg.datasets.palette import index_png
from auxseg.datasets.tables import read_list
from auxseg.datasets.voc import VOC_CLASSES
from auxseg.download.archives import VOC_ROOT
from auxseg.download.extract import Member, reading
from auxseg.errors import UserError, listing, reason_of
from auxseg.runtime import progress
from auxseg.store import write_atomically

TRAIN_AUG = "ImageSets/Segmentation/train_aug.txt"
_MOST_BYTES = 10_000_000  # of one .mat, many times over


def check_voc(folder: Path) -> None:
    """Refuse a folder without what SBD is added to.

    Raises:
        UserError: VOC's lists or masks are not there.
    """
    root = folder / VOC_ROOT
    own = _own_ids(root, "train") | _own_ids(root, "val")
    absent = sum(not _own_mask(root, image_id).is_file() for image_id in own)
    if absent:
        raise UserError(
            f"{root / 'SegmentationClass'}: {absent} masks of VOC's lists are not there; run "
            f"`{shlex.join(['auxseg', 'download', 'voc12', str(folder)])}` first."
        )


def unpack_sbd(archive: Path, wanted: Sequence[str], folder: Path) -> list[Path]:
    """Write SegmentationClassAug/*.png and the list train_aug into the tree of VOC 2012.

    The list: SBD's training and validation images and VOC's training images, without VOC's
    validation images. The masks: SBD's, and VOC's own of the images that have one.

    Args:
        archive: SBD's.
        wanted: its lists, and its folder of masks.
        folder: that with VOCdevkit/; masks that it has already are kept.

    Returns:
        The files.

    Raises:
        UserError: an archive that cannot be read, or .mat files that are no masks.
    """
    root = folder / VOC_ROOT
    train, val = _own_ids(root, "train"), _own_ids(root, "val")
    target = root / "SegmentationClassAug"
    with reading(archive, wanted) as members:
        lists = [member for member in members if member.path.suffix == ".txt"]
        listed = {word for member in lists for word in _text(member, archive).split()}
        foreign = listed - train - val
        masks = [m for m in members if m.path.suffix == ".mat" and m.path.stem in foreign]
        if absent := foreign - {member.path.stem for member in masks}:
            faults = [f"no mask of {image_id}" for image_id in sorted(absent)]
            raise listing(faults, f"{archive}: not what it should be; delete it")
        for member in progress(masks, f"unpack {archive.name}", len(masks)):
            path = target / f"{member.path.stem}.png"
            if not path.exists():
                write_atomically(path, index_png(_mask(member, archive)))
    for image_id in sorted(train | val):
        path = target / f"{image_id}.png"
        if not path.exists():
            write_atomically(path, _own_mask(root, image_id).read_bytes())
    augmented = sorted((listed | train) - val)
    write_atomically(root / TRAIN_AUG, "".join(f"{i}\n" for i in augmented).encode())
    ids = sorted(listed | train | val)
    return [root / TRAIN_AUG, *(target / f"{image_id}.png" for image_id in ids)]


def _own_ids(root: Path, name: str) -> set[str]:
    path = root / "ImageSets" / "Segmentation" / f"{name}.txt"
    if not path.is_file():
        command = shlex.join(["auxseg", "download", "voc12", str(root.parents[1])])
        raise UserError(f"{path}: no such file; SBD is added to VOC 2012: run `{command}` first.")
    return {PurePosixPath(word).name for _, word in read_list(path)}


def _own_mask(root: Path, image_id: str) -> Path:
    return root / "SegmentationClass" / f"{image_id}.png"


def _text(member: Member, archive: Path) -> str:
    try:
        return _content(member, archive).decode()
    except UnicodeDecodeError:
        raise UserError(f"{archive}: {member.path} is no text; delete the archive.") from None


def _mask(member: Member, archive: Path) -> np.ndarray:
    """(H, W) uint8 class indices, as VOC numbers them."""
    content = io.BytesIO(_content(member, archive))
    try:
        # No variable but this one is read; MATLAB's files hold arrays, nothing to be unpickled.
        mask = loadmat(content, variable_names=("GTcls",))["GTcls"]["Segmentation"][0, 0]
    except MemoryError:
        raise
    except Exception as error:  # on damaged bytes it raises nearly anything
        raise _no_mask(member, archive, reason_of(error)) from None
    if mask.ndim != 2 or mask.dtype != np.uint8 or mask.max(initial=0) > len(VOC_CLASSES):
        raise _no_mask(member, archive, "not one index of VOC's classes a pixel")
    return mask


def _no_mask(member: Member, archive: Path, reason: str) -> UserError:
    return UserError(f"{archive}: {member.path} is no mask ({reason}); delete the archive.")


def _content(member: Member, archive: Path) -> bytes:
    if member.size > _MOST_BYTES:
        raise UserError(
            f"{archive}: {member.path} has {member.size:,} bytes, far too many; delete the archive."
        )
    with member.open() as file:
        return file.read()
