import shutil
from pathlib import Path

import numpy as np
import pytest

from auxseg.errors import UserError
from auxseg.store import Header, MapReader, MapWriter, Shard, file_digest

HEADER = Header("labels", '{"threshold": 0.2}', {"cam": "abc"}, {"classes": ["cat", "dog"]})
IDS = [f"photo {number}" for number in range(20)]


def a_map(image_id: str) -> np.ndarray:
    return np.full((10, 12), IDS.index(image_id), dtype=np.uint8)


def write(path: Path, shard: Shard, header: Header = HEADER) -> list[str]:
    """Write a shard, or all; the ids whose maps had to be made come back."""
    with MapWriter(path, header, maps_per_part=3, shard=shard) as writer:
        missing = writer.missing(shard.take(IDS))
        for image_id in missing:
            writer.put(image_id, a_map(image_id), classes=[1])
    return missing


def write_shards(path: Path, of: int) -> None:
    for number, file in enumerate(Shard(None, of).files(path), start=1):
        write(file, Shard(number, of))


def test_shards_divide_the_images_evenly():
    shares = [Shard(number, 3).take(IDS) for number in (1, 2, 3)]

    assert [len(share) for share in shares] == [7, 7, 6]
    assert sorted(image_id for share in shares for image_id in share) == sorted(IDS)
    assert Shard().take(IDS) == IDS


@pytest.mark.parametrize("of", [1, 3, 8, 30])
def test_joined_shards_hold_what_one_process_writes(tmp_path, of):
    write(tmp_path / "whole.h5", Shard())
    write_shards(tmp_path / "joined.h5", of)

    made_anew = write(tmp_path / "joined.h5", Shard(None, of))

    assert made_anew == ([] if of > 1 else IDS)
    assert file_digest(tmp_path / "joined.h5") == file_digest(tmp_path / "whole.h5")


def test_the_whole_needs_no_shard_any_more(tmp_path):
    write_shards(tmp_path / "a.h5", 3)
    write(tmp_path / "a.h5", Shard(None, 3))

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
        write(tmp_path / "a.h5", Shard(None, 3))


@pytest.mark.parametrize("other", [Header("labels", '{"threshold": 0.3}', {"cam": "abc"}), None])
def test_a_shard_of_another_work_is_refused(tmp_path, other):
    write_shards(tmp_path / "a.h5", 3)
    spoilt = tmp_path / "shards/2_of_3/a.h5"
    write(spoilt, Shard(2, 3) if other else Shard(), other or HEADER)

    with pytest.raises(UserError, match=r"2_of_3/a\.h5: a shard made with other options or inputs"):
        write(tmp_path / "a.h5", Shard(None, 3))
    assert not (tmp_path / "a.h5").exists()
