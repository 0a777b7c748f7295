import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from auxseg.errors import UserError
from auxseg.store import ALL, Header, MapReader, MapWriter, Shard, file_digest, join_shards
from tests.damage import with_a_flipped_bit

HEADER = Header("labels", '{"threshold": 0.2}', {"cam": "abc"}, {"classes": ["cat", "dog"]})
IDS = [f"photo {number}" for number in range(20)]


def a_map(image_id: str) -> np.ndarray:
    return np.full((10, 12), IDS.index(image_id), dtype=np.uint8)


def write(path: Path, shard: Shard = ALL, header: Header = HEADER) -> None:
    with MapWriter(path, header, maps_per_part=3, shard=shard) as writer:
        for image_id in writer.missing(shard.take(IDS)):
            writer.put(image_id, a_map(image_id), classes=[1])


def write_shards(path: Path, of: int) -> None:
    for shard in Shard(None, of).each():
        write(shard.file(path), shard)


def join(path: Path, of: int) -> None:
    join_shards(path, HEADER, Shard(None, of), IDS)


def test_shards_divide_the_images_evenly():
    shares = [Shard(number, 3).take(IDS) for number in (1, 2, 3)]

    assert [len(share) for share in shares] == [7, 7, 6]
    assert sorted(image_id for share in shares for image_id in share) == sorted(IDS)
    assert Shard().take(IDS) == IDS


@pytest.mark.parametrize("of", [2, 3, 8, 30])
def test_joined_shards_hold_what_one_process_writes(tmp_path, of):
    write(tmp_path / "whole.h5")
    write_shards(tmp_path / "joined.h5", of)

    join(tmp_path / "joined.h5", of)

    assert file_digest(tmp_path / "joined.h5") == file_digest(tmp_path / "whole.h5")


def test_the_whole_needs_no_shard_any_more(tmp_path):
    write_shards(tmp_path / "a.h5", 3)
    join(tmp_path / "a.h5", 3)

    shutil.rmtree(tmp_path / "shards")
    (tmp_path / "a.h5").rename(tmp_path / "elsewhere.h5")

    with MapReader(tmp_path / "elsewhere.h5") as reader:
        assert reader.ids() == sorted(IDS)
        assert all(np.array_equal(values, a_map(image_id)) for image_id, values in reader.items())
        assert "shard" not in reader.attributes


def test_a_shard_says_which_it_is(tmp_path):
    write(tmp_path / "a.h5", Shard(2, 3))

    with MapReader(tmp_path / "a.h5") as reader:
        assert reader.attributes["shard"] == "2/3"


def test_a_missing_shard_is_named(tmp_path):
    write_shards(tmp_path / "a.h5", 3)
    (tmp_path / "shards/2_of_3/a.h5").unlink()

    with pytest.raises(UserError, match=r"shards/2_of_3/a\.h5: no such artifact; run the stage"):
        join(tmp_path / "a.h5", 3)


def test_a_shard_in_anothers_place_is_refused(tmp_path):
    write_shards(tmp_path / "a.h5", 3)
    shutil.copy(tmp_path / "shards/1_of_3/a.h5", tmp_path / "shards/2_of_3/a.h5")

    with pytest.raises(UserError, match=r"2_of_3/a\.h5: a shard made with other options or inputs"):
        join(tmp_path / "a.h5", 3)


def test_a_damaged_map_of_a_shard_is_noticed_before_the_shard_is_gone(tmp_path):
    write_shards(tmp_path / "a.h5", 3)
    shard = tmp_path / "shards/2_of_3/a.h5"
    with h5py.File(shard) as file:
        place = file["maps"][IDS[1]].id.get_chunk_info(0).byte_offset
    shard.write_bytes(with_a_flipped_bit(shard.read_bytes(), 8 * (place + 9)))

    with pytest.raises(UserError, match=r"2_of_3/a\.h5: not an HDF5 file, or a damaged one"):
        join(tmp_path / "a.h5", 3)


def test_an_image_that_no_shard_holds_is_named(tmp_path):
    write_shards(tmp_path / "a.h5", 3)

    with pytest.raises(UserError, match="no shard holds a map of image 'new'"):
        join_shards(tmp_path / "a.h5", HEADER, Shard(None, 3), [*IDS, "new"])


def test_what_an_interrupted_run_left_is_neither_joined_nor_kept(tmp_path):
    path = tmp_path / "a.h5"
    interrupted = MapWriter(path, HEADER, maps_per_part=3)
    for image_id in IDS[:7]:
        interrupted.put(image_id, a_map(image_id))
    write_shards(path, 2)
    write(tmp_path / "shards/1_of_2/other.h5")
    write_shards(path, 3)

    join(path, 3)

    left = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    shards = {f"shards/{number}_of_3/a.h5" for number in (1, 2, 3)}
    assert left == {"a.h5", "shards/1_of_2/other.h5", *shards}
    assert not (tmp_path / "shards/2_of_2").exists()


@pytest.mark.parametrize("other", [Header("labels", '{"threshold": 0.3}', {"cam": "abc"}), None])
def test_a_shard_of_another_work_is_refused(tmp_path, other):
    write_shards(tmp_path / "a.h5", 3)
    spoilt = tmp_path / "shards/2_of_3/a.h5"
    write(spoilt, Shard(2, 3) if other else Shard(), other or HEADER)

    with pytest.raises(UserError, match=r"2_of_3/a\.h5: a shard made with other options or inputs"):
        join(tmp_path / "a.h5", 3)
    assert not (tmp_path / "a.h5").exists()
