"""What is told of artifacts that are damaged, or that cannot be written or opened."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from auxseg.errors import UserError
from auxseg.store import MapReader, MapWriter
from tests.damage import in_another_process, spoil, with_a_flipped_bit
from tests.unit.store.small_maps import HEADER, a_map, write


def test_a_damaged_map_is_named(tmp_path):
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r") as file:
        chunk = file["maps"]["3"].id.get_chunk_info(0)
    with (tmp_path / "a.h5").open("r+b") as stream:
        stream.seek(chunk.byte_offset)
        stream.write(b"\0" * chunk.size)

    with MapReader(tmp_path / "a.h5") as reader:
        assert np.array_equal(reader.read("2"), a_map(2))
        with pytest.raises(UserError, match=r"a\.h5: the map of image '3' is damaged; delete"):
            reader.read("3")


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        ("/", "not an HDF5 file, or a damaged one"),
        ("maps", "not an HDF5 file, or a damaged one"),
        ("maps/3", "the map of image '3' is damaged"),
    ],
)
def test_damage_to_the_structure_of_maps_is_one_sentence(tmp_path, inside, fault):
    write(tmp_path / "a.h5")
    spoil(tmp_path / "a.h5", inside)

    for look in (MapReader.read, MapReader.read_with_attributes):
        with pytest.raises(UserError) as caught, MapReader(tmp_path / "a.h5") as reader:
            look(reader, "3")
        assert str(caught.value) == (
            f"{tmp_path}/a.h5: {fault}; delete the file and run its stage again."
        )


def test_a_missing_map_is_named(tmp_path):
    write(tmp_path / "a.h5")

    with (
        MapReader(tmp_path / "a.h5") as reader,
        pytest.raises(UserError, match=r"a\.h5: has no map of image 'zoo/1'"),
    ):
        reader.read("zoo/1")


@pytest.mark.parametrize("limit", [2_000, 60_000])
def test_a_full_disk_is_one_sentence_and_loses_no_whole_part(tmp_path, limit):
    """The smaller limit stops a part, the larger one the joining of all."""
    result = in_another_process(
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))",
        f"path = Path({str(tmp_path / 'a.h5')!r})",
        "values = np.random.default_rng(0).integers(0, 255, (50, 60), dtype=np.uint8)",
        "try:",
        "    with MapWriter(path, header, maps_per_part=1) as w:",
        "        for number in range(30):",
        "            w.put(str(number), values)",
        "except Exception as error:",
        "    print(type(error).__name__, error)",
    )

    assert result.returncode == 0
    assert result.stderr == ""
    name = "a.h5.parts: cannot write 00000.h5" if limit == 2_000 else ": cannot write a.h5"
    assert result.stdout.startswith("UserError ")
    assert f"{name} (File too large); mend that and run the same command again" in result.stdout
    assert [file.name for file in tmp_path.iterdir()] == ["a.h5.parts"]
    whole = list((tmp_path / "a.h5.parts").iterdir())
    assert len(whole) == (0 if limit == 2_000 else 30)


def test_maps_that_changed_places_are_noticed(tmp_path):
    write(tmp_path / "a.h5", range(2))
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        maps = file["maps"]
        maps.move("0", "x")
        maps.move("1", "0")
        maps.move("x", "1")

    with (
        MapReader(tmp_path / "a.h5") as reader,
        pytest.raises(UserError, match=r"a\.h5: the map of image '0' is damaged"),
    ):
        reader.read("0")


def test_every_flipped_bit_is_noticed_or_changes_nothing(tmp_path):
    path = tmp_path / "a.h5"
    with MapWriter(path, HEADER) as writer:
        for number in range(12):  # more than fit into the head of a group
            writer.put(str(number), a_map(number), classes=[number])

    def content() -> str:
        with MapReader(path, "labels") as reader:
            maps = {i: (v.tolist(), reader.read_with_attributes(i)[1]) for i, v in reader.items()}
            return str((reader.attributes, maps))

    whole, expected = path.read_bytes(), content()
    noticed = 0
    for place in range(0, 8 * len(whole), 331):
        path.write_bytes(with_a_flipped_bit(whole, place))
        try:
            found = content()
        except UserError as error:
            noticed += 1
            assert str(error).startswith(f"{path}: ")
        else:
            assert found == expected
    assert noticed > 0.3 * len(whole) * 8 / 331


def test_a_file_that_the_system_does_not_open_is_not_called_damaged(tmp_path):
    write(tmp_path / "a.h5")
    script = f"""
import resource
from auxseg.store import MapReader
import h5py, os
open_files = len(os.listdir("/proc/self/fd"))
resource.setrlimit(resource.RLIMIT_NOFILE, (open_files - 1, open_files - 1))
MapReader({str(tmp_path / "a.h5")!r})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert "OSError: [Errno 24]" in done.stderr
    assert "damaged" not in done.stderr
