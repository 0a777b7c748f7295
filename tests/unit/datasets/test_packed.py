"""Photographs packed into images.h5 by the stage index, and read from there."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from auxseg.config import IndexOptions
from auxseg.datasets.index_file import read_index
from auxseg.errors import UserError
from auxseg.stages import index
from auxseg.store import ALL, MapReader, Shard, file_digest
from tests.damage import with_a_flipped_bit


def options(root: Path, **changes) -> IndexOptions:
    folder = {"dataset": "folder", "folder": {"root": str(root)}, "pack": True}
    return IndexOptions.model_validate({**folder, **changes})


def packed(root: Path, out: Path, shard: Shard = ALL, **changes) -> Path:
    path = out / "index.h5"
    index.run(options(root, **changes), index=path, shard=shard)
    return path


def test_packed_photographs_need_their_files_no_more(my_photos, tmp_path):
    loose = read_index(packed(my_photos, tmp_path / "loose", pack=False, longest_side=32))
    expected = [(entry.photograph(), entry.full_size()) for entry in loose.entries]
    path = packed(my_photos, tmp_path / "packed", longest_side=32)

    shutil.rmtree(my_photos)

    found = [(entry.photograph(), entry.full_size()) for entry in read_index(path).entries]
    for (photo, size), (photo_before, size_before) in zip(found, expected, strict=True):
        assert np.array_equal(photo, photo_before)
        assert size == size_before


def test_a_packed_file_is_byte_for_byte_the_photographs(my_photos, tmp_path):
    packed(my_photos, tmp_path)

    with MapReader(tmp_path / "images.h5", "images") as files:
        assert files.ids() == ["both", "rex", "tom"]
        assert files.read("tom").tobytes() == (my_photos / "images/tom.jpg").read_bytes()


def test_an_index_and_its_packed_photographs_can_be_moved_together(my_photos, tmp_path):
    packed(my_photos, tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there")
    shutil.rmtree(my_photos)

    assert read_index(tmp_path / "there/index.h5").entries[0].photograph().shape == (4, 6, 3)


def test_shards_pack_their_photographs_into_the_same_whole(my_photos, tmp_path):
    packed(my_photos, tmp_path / "whole")
    for number in (1, 2):
        packed(my_photos, tmp_path / f"joined/shards/{number}_of_2", Shard(number, 2))

    packed(my_photos, tmp_path / "joined", Shard(None, 2))

    for name in ("index.h5", "images.h5"):
        assert file_digest(tmp_path / "joined" / name) == file_digest(tmp_path / "whole" / name)


def test_a_shard_with_a_faulty_photograph_packs_the_others(my_photos, tmp_path):
    (my_photos / "images/tom.jpg").write_bytes(b"")
    for number in (1, 2):
        packed(my_photos, tmp_path / f"shards/{number}_of_2", Shard(number, 2))

    with pytest.raises(UserError, match=r"1 fault\n.*tom\.jpg: the file is empty"):
        packed(my_photos, tmp_path, Shard(None, 2))
    with MapReader(tmp_path / "shards/1_of_2/images.h5") as files:
        assert files.ids() == ["both"]


def test_a_damaged_packed_photograph_is_named(my_photos, tmp_path):
    path = packed(my_photos, tmp_path)
    content = (tmp_path / "images.h5").read_bytes()
    place = content.index((my_photos / "images/tom.jpg").read_bytes()) + 100
    (tmp_path / "images.h5").write_bytes(with_a_flipped_bit(content, place * 8))

    with pytest.raises(UserError, match=r"images\.h5: the map of image 'tom' is damaged; delete"):
        read_index(path).entries[0].photograph()


def test_packed_photographs_that_are_gone_are_named(my_photos, tmp_path):
    path = packed(my_photos, tmp_path)
    (tmp_path / "images.h5").unlink()

    with pytest.raises(UserError, match=r"images\.h5: no such artifact; run the stage"):
        read_index(path).entries[0].photograph()
