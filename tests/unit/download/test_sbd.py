import pickle
from pathlib import Path

import numpy as np
import pytest

from auxseg.download.archives import ARCHIVES
from auxseg.download.extract import extract
from auxseg.download.sbd import TRAIN_AUG, unpack_sbd
from auxseg.errors import UserError
from tests.public_archives import ROOT, SBD, mat, sbd_archive, tar_of, voc_archive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One with VOC 2012 in it."""
    (tmp_path / "voc.tar").write_bytes(voc_archive())
    extract(tmp_path / "voc.tar", ARCHIVES["voc12"][0].wanted, tmp_path)
    return tmp_path


def unpack(folder: Path, content: bytes) -> list[Path]:
    (folder / "benchmark.tgz").write_bytes(content)
    return unpack_sbd(folder / "benchmark.tgz", ARCHIVES["sbd"][0].wanted, folder)


def sbd_with(listed: bytes, content: bytes) -> bytes:
    """An archive with a list and one .mat as given."""
    files = {f"{SBD}/train.txt": listed, f"{SBD}/val.txt": b""}
    return tar_of(files | {f"{SBD}/cls/2008_04.mat": content}, "w:gz")


def test_a_stopped_conversion_goes_on_with_the_masks_that_are_missing(folder):
    first, *masks = unpack(folder, sbd_archive())
    kept, lost = masks[-1], masks[0]
    lost.unlink()
    first.unlink()
    before = kept.stat().st_ino

    assert unpack(folder, sbd_archive()) == [first, *masks]

    assert first == folder / ROOT / TRAIN_AUG
    assert all(path.is_file() for path in (first, *masks))
    assert kept.stat().st_ino == before


@pytest.mark.parametrize(
    "mask",
    [np.array([[21, 0]], np.uint8), np.zeros((1, 2)), np.zeros((1, 2, 3), np.uint8), "text"],
    ids=["index", "dtype", "shape", "text"],
)
def test_a_mat_with_something_else_than_a_mask_is_named(folder, mask):
    with pytest.raises(UserError, match=r"cls/2008_04\.mat is no mask \(not one index of VOC's"):
        unpack(folder, sbd_archive(**{"2008_04": mask}))

    assert not (folder / ROOT / TRAIN_AUG).exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        mat(np.zeros((9, 9), np.uint8))[:200],
        b"\x89HDF\r\n\x1a\n" * 90,
        pickle.dumps({"GTcls": 1}),
    ],
    ids=["empty", "cut", "hdf5", "pickle"],
)
def test_a_file_that_is_no_mat_is_named(folder, content):
    with pytest.raises(UserError, match=r"cls/2008_04\.mat is no mask \(.*\); delete the archive"):
        unpack(folder, sbd_with(b"2008_04", content))


def test_a_mat_far_too_large_is_not_read(folder):
    with pytest.raises(UserError, match=r"2008_04\.mat has 10,000,001 bytes, far too many"):
        unpack(folder, sbd_with(b"2008_04", bytes(10_000_001)))


def test_listed_images_without_a_mask_are_named(folder):
    with pytest.raises(UserError, match=r"benchmark\.tgz: .*2 faults\n.*\.\./evil\n.*of 2008_07"):
        unpack(folder, sbd_with(b"2008_07 ../evil", b""))


def test_a_list_that_is_no_text_is_named(folder):
    with pytest.raises(UserError, match=r"train\.txt is no text; delete the archive"):
        unpack(folder, sbd_with(b"\xff", b""))
