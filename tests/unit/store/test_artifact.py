import hashlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from auxseg.errors import UserError
from auxseg.store import Header, MapReader, MapWriter, file_digest, read_table, write_table


def write(path: Path, header: Header = Header("labels")) -> None:  # noqa: B008
    with MapWriter(path, header) as writer:
        for image_id in "012":
            writer.put(image_id, np.full((10, 12), int(image_id), dtype=np.uint8))


def test_the_own_attributes_of_an_artifact_may_hold_any_letters(tmp_path):
    header = Header("labels", extra={"classes": ["Bär", "犬"], "scale": 0.5, "count": 2})
    write(tmp_path / "maps.h5", header=header)
    write_table(tmp_path / "table.h5", header, {"height": np.array([1])})

    with MapReader(tmp_path / "maps.h5") as reader:
        of_maps = reader.attributes
    of_table, _ = read_table(tmp_path / "table.h5", "labels")

    for attributes in (of_maps, of_table):
        own = {name: attributes[name] for name in header.extra}
        assert own == {"classes": ["Bär", "犬"], "scale": 0.5, "count": 2}


def test_a_missing_artifact_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"a\.h5: no such artifact; run the stage that writes it"):
        MapReader(tmp_path / "a.h5")


def test_an_artifact_of_another_kind_is_refused(tmp_path):
    write(tmp_path / "a.h5")
    write_table(tmp_path / "t.h5", Header("index"), {"id": np.array([1])})

    with pytest.raises(UserError, match=r"a\.h5: holds 'labels', where 'cam' is needed\."):
        MapReader(tmp_path / "a.h5", "cam")
    with pytest.raises(UserError, match=r"t\.h5: a table \('index'\), where maps"):
        MapReader(tmp_path / "t.h5")
    with pytest.raises(UserError, match=r"a\.h5: holds 'labels', where 'index' is needed\."):
        read_table(tmp_path / "a.h5", "index")


def test_half_a_file_and_another_file_are_refused(tmp_path):
    write(tmp_path / "a.h5")
    (tmp_path / "half.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:2000])
    (tmp_path / "text.h5").write_text("hello")

    for name in ("half.h5", "text.h5"):
        with pytest.raises(UserError, match=rf"{name}: not an HDF5 file, or a damaged one; delete"):
            MapReader(tmp_path / name)


def test_an_hdf5_file_that_is_no_artifact_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("maps")

    with pytest.raises(UserError, match=r"a\.h5: not a complete artifact of auxseg"):
        MapReader(tmp_path / "a.h5")


def test_an_artifact_of_another_format_is_refused(tmp_path):
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file.attrs["format_version"] = 99

    with pytest.raises(UserError, match=r"a\.h5: format 99, but this version reads 2;"):
        MapReader(tmp_path / "a.h5")


def test_a_changed_attribute_is_noticed(tmp_path):
    write(tmp_path / "a.h5", Header("labels", '{"threshold": 0.2}'))
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file.attrs["options"] = '{"threshold": 0.3}'

    with pytest.raises(UserError, match=r"a\.h5: damaged; delete the file and run its stage"):
        MapReader(tmp_path / "a.h5")


def test_a_map_that_went_missing_is_noticed(tmp_path):
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["maps"]["1"]

    with pytest.raises(UserError, match=r"a\.h5: damaged; delete the file and run its stage"):
        MapReader(tmp_path / "a.h5")


def test_digests_of_weights_are_those_of_their_bytes(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"abc")

    assert file_digest(path) == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("name", ["gone.safetensors", "."])
def test_a_file_that_is_not_there_has_no_digest(tmp_path, name):
    with pytest.raises(UserError, match="no such file; name one that is there"):
        file_digest(tmp_path / name)
