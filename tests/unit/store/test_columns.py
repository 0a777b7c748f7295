import numpy as np
import pytest

from auxseg.errors import UserError
from auxseg.store import Header, file_digest, read_table, write_table
from tests.damage import spoil, with_a_flipped_bit

HEADER = Header("labels", '{"threshold": 0.2}', {"cam": "abc"}, {"classes": ["cat", "dog"]})


def test_tables_come_back_as_they_were(tmp_path):
    columns = {
        "id": np.array(["a", "Bär", ""], dtype=object),
        "height": np.array([1, 2, 3], dtype=np.int32),
        "labels": np.eye(3, dtype=np.uint8),
    }
    write_table(tmp_path / "a.h5", HEADER, columns)

    attributes, found = read_table(tmp_path / "a.h5", "labels")

    assert attributes["classes"] == ["cat", "dog"]
    assert found["id"].tolist() == ["a", "Bär", ""]
    assert found["height"].tolist() == [1, 2, 3]
    assert found["labels"].tolist() == np.eye(3).tolist()


@pytest.mark.parametrize("change", ["id", "height"])
def test_the_digest_of_a_table_notices_every_column(tmp_path, change):
    columns = {"id": np.array(["a", "b"], dtype=object), "height": np.array([1, 2])}
    write_table(tmp_path / "a.h5", HEADER, columns)
    columns[change] = columns[change][::-1]
    write_table(tmp_path / "b.h5", HEADER, columns)

    assert file_digest(tmp_path / "a.h5") != file_digest(tmp_path / "b.h5")


def test_the_digest_of_a_table_notices_where_its_texts_end(tmp_path):
    for name, texts in (("a", ["ab", "c"]), ("b", ["a", "bc"])):
        write_table(tmp_path / f"{name}.h5", HEADER, {"id": np.array(texts, dtype=object)})

    assert file_digest(tmp_path / "a.h5") != file_digest(tmp_path / "b.h5")


@pytest.mark.parametrize("inside", ["/", "columns", "columns/height"])
def test_damage_to_the_structure_of_a_table_is_one_sentence(tmp_path, inside):
    write_table(tmp_path / "a.h5", HEADER, {"height": np.array([1, 2])})
    spoil(tmp_path / "a.h5", inside)

    with pytest.raises(UserError, match=r"a\.h5: not an HDF5 file, or a damaged one; delete the"):
        read_table(tmp_path / "a.h5", "labels")


def test_texts_that_are_no_unicode_are_kept(tmp_path):
    """Names of files may hold any bytes; Python reads the odd ones as surrogates."""
    names = np.array(["caf\udce9.jpg", "b"], dtype=object)
    write_table(tmp_path / "a.h5", HEADER, {"image": names})

    _, found = read_table(tmp_path / "a.h5", "labels")

    assert found["image"].tolist() == names.tolist()


def test_every_flipped_bit_of_a_table_is_noticed_or_changes_nothing(tmp_path):
    path = tmp_path / "a.h5"
    columns = {"id": np.array(["a", "Bär"], dtype=object), "height": np.array([1, 2])}
    write_table(path, HEADER, columns)
    whole, expected = path.read_bytes(), read_table(path, "labels")
    noticed = 0

    for place in range(0, 8 * len(whole), 61):
        path.write_bytes(with_a_flipped_bit(whole, place))
        try:
            found = read_table(path, "labels")
        except UserError as error:
            noticed += 1
            assert str(error).startswith(f"{path}: ")
        else:
            assert str(found) == str(expected)

    assert noticed > 0.3 * len(whole) * 8 / 61
