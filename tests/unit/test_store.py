import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from auxseg.errors import UserError
from auxseg.store import (
    Header,
    MapReader,
    MapWriter,
    file_digest,
    read_table,
    write_atomically,
    write_table,
)

HEADER = Header("labels", '{"threshold": 0.2}', {"cam": "abc"}, {"classes": ["cat", "dog"]})


def a_map(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 255, (10, 12), dtype=np.uint8)


def write(path: Path, numbers: range = range(5), header: Header = HEADER, **options) -> None:
    with MapWriter(path, header, **options) as writer:
        for image_id in writer.missing(str(number) for number in numbers):
            writer.put(image_id, a_map(int(image_id)))


def in_another_process(*lines: str) -> subprocess.CompletedProcess:
    start = [
        "import os, resource, signal, sys",
        "from pathlib import Path",
        "import numpy as np",
        "from auxseg.store import *",
        "header = Header('labels')",
    ]
    command = [sys.executable, "-c", "\n".join([*start, *lines])]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_maps_and_attributes_come_back_as_they_were(tmp_path):
    cams = np.random.default_rng(0).random((2, 5, 7)).astype(np.float16)
    with MapWriter(tmp_path / "a.h5", HEADER) as writer:
        writer.put("b", a_map(1))
        writer.put("a", cams, classes=[3, 7], name="ä")

    with MapReader(tmp_path / "a.h5", "labels") as reader:
        assert reader.ids() == ["a", "b"]
        assert len(reader) == 2
        assert reader.read("a").dtype == np.float16
        assert np.array_equal(reader.read("a"), cams)
        assert [image_id for image_id, _ in reader.items()] == ["a", "b"]
        assert reader.map_attributes("a") == {"classes": [3, 7], "name": "ä"}
        assert reader.attributes["options"] == HEADER.options
        assert reader.attributes["inputs"] == '{"cam": "abc"}'
        assert reader.attributes["classes"] == ["cat", "dog"]


def test_ids_may_hold_any_letters(tmp_path):
    odd = ["a/b", ".", "..", "a%2Fb", "%", "%25", "%2E", "a b", "Bär", "犬", "x.y", "./a", "-1"]
    with MapWriter(tmp_path / "a.h5", HEADER, maps_per_part=3) as writer:
        for number, image_id in enumerate(odd):
            writer.put(image_id, a_map(number))

    with MapReader(tmp_path / "a.h5") as reader:
        assert reader.ids() == sorted(odd)
        for number, image_id in enumerate(odd):
            assert image_id in reader
            assert np.array_equal(reader.read(image_id), a_map(number))
        assert "a" not in reader


def test_an_artifact_without_maps_can_be_read(tmp_path):
    write(tmp_path / "a.h5", range(0))

    with MapReader(tmp_path / "a.h5") as reader:
        assert reader.ids() == []


def test_empty_maps_are_kept(tmp_path):
    with MapWriter(tmp_path / "a.h5", HEADER) as writer:
        writer.put("a", np.zeros((0, 4, 5), dtype=np.float16))

    with MapReader(tmp_path / "a.h5") as reader:
        assert reader.read("a").shape == (0, 4, 5)


def test_the_final_name_appears_at_the_end_only(tmp_path):
    path = tmp_path / "a.h5"
    writer = MapWriter(path, HEADER, maps_per_part=2)
    for number in range(5):
        writer.put(str(number), a_map(number))
    assert [file.name for file in tmp_path.iterdir()] == ["a.h5.parts"]

    writer.finish()

    assert [file.name for file in tmp_path.iterdir()] == ["a.h5"]


def test_an_error_leaves_the_earlier_artifact_and_the_whole_parts(tmp_path):
    path = tmp_path / "a.h5"
    write(path)
    before = path.read_bytes()

    def fail() -> None:
        with MapWriter(path, HEADER, maps_per_part=2) as writer:
            for number in range(3):
                writer.put(str(number), a_map(number))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()

    assert path.read_bytes() == before
    assert MapWriter(path, HEADER).missing(["0", "1", "2"]) == ["2"]


def test_a_killed_run_continues_after_its_last_whole_part(tmp_path):
    path = tmp_path / "a.h5"
    killed = in_another_process(
        f"writer = MapWriter(Path({str(path)!r}), header, maps_per_part=2)",
        "for number in range(5):",
        "    writer.put(str(number), np.full((3, 3), number, dtype=np.uint8))",
        "os.kill(os.getpid(), signal.SIGKILL)",
    )
    assert killed.returncode == -signal.SIGKILL
    (tmp_path / "a.h5.parts" / "00002.h5.tmp").write_bytes(b"half")

    with MapWriter(path, Header("labels")) as writer:
        assert writer.missing("012345") == ["4", "5"]
        for image_id in "45":
            writer.put(image_id, np.full((3, 3), int(image_id), dtype=np.uint8))

    with MapReader(path) as reader:
        assert [int(values[0, 0]) for _, values in reader.items()] == [0, 1, 2, 3, 4, 5]
    assert [file.name for file in tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.parametrize(
    ("renames", "whole"), [(0, []), (1, ["0", "1"]), (2, ["0", "1", "2", "3"]), (3, list("01234"))]
)
def test_a_kill_between_writing_and_renaming_costs_that_file_alone(tmp_path, renames, whole):
    """Five maps, two a part: three parts are renamed, and then the file that joins them."""
    path = tmp_path / "a.h5"
    write(path, range(2), header=Header("labels", "{}"))
    write(tmp_path / "undisturbed.h5", header=Header("labels"))
    before = path.read_bytes()
    killed = in_another_process(
        "from auxseg import store",
        "replace, done = store._replace, []",
        "def interrupted(temporary, final):",
        f"    if len(done) == {renames}:",
        "        os.kill(os.getpid(), signal.SIGKILL)",
        "    done.append(final)",
        "    replace(temporary, final)",
        "store._replace = interrupted",
        f"with MapWriter(Path({str(path)!r}), header, maps_per_part=2) as writer:",
        "    for number in range(5):",
        "        values = np.random.default_rng(number).integers(0, 255, (10, 12), dtype=np.uint8)",
        "        writer.put(str(number), values)",
    )
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert list(tmp_path.rglob("*.tmp")) != []

    with MapWriter(path, Header("labels"), maps_per_part=2) as writer:
        missing = writer.missing("01234")
        for image_id in missing:
            writer.put(image_id, a_map(int(image_id)))

    assert [i for i in "01234" if i not in missing] == whole
    assert file_digest(path) == file_digest(tmp_path / "undisturbed.h5")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.h5", "undisturbed.h5"]


@pytest.mark.parametrize(
    "other",
    [
        Header("labels", '{"threshold": 0.3}', HEADER.inputs, HEADER.extra),
        Header("labels", HEADER.options, {"cam": "xyz"}, HEADER.extra),
        Header("cam", HEADER.options, HEADER.inputs, HEADER.extra),
        Header("labels", HEADER.options, HEADER.inputs, {"classes": ["cat"]}),
    ],
)
def test_parts_of_other_options_or_inputs_are_not_joined(tmp_path, other):
    interrupted = MapWriter(tmp_path / "a.h5", HEADER, maps_per_part=1)
    for image_id in "01":
        interrupted.put(image_id, a_map(0))

    with MapWriter(tmp_path / "a.h5", other) as writer:
        assert writer.missing("02") == ["0", "2"]
        writer.put("2", a_map(2))

    with MapReader(tmp_path / "a.h5") as reader:
        assert reader.ids() == ["2"]


def test_damaged_parts_are_made_again(tmp_path):
    writer = MapWriter(tmp_path / "a.h5", HEADER, maps_per_part=1)
    for number in range(3):
        writer.put(str(number), a_map(number))
    part = tmp_path / "a.h5.parts" / "00001.h5"
    part.write_bytes(part.read_bytes()[:500])

    with MapWriter(tmp_path / "a.h5", HEADER) as writer:
        assert writer.missing("012") == ["1"]
        writer.put("1", a_map(1))

    with MapReader(tmp_path / "a.h5") as reader:
        assert reader.ids() == ["0", "1", "2"]
        assert all(np.array_equal(reader.read(i), a_map(int(i))) for i in "012")


def test_maps_that_wait_for_their_part_are_not_missing(tmp_path):
    writer = MapWriter(tmp_path / "a.h5", HEADER, maps_per_part=2)
    writer.put("1", a_map(1))

    assert writer.missing("012") == ["0", "2"]


def test_parts_can_be_left_aside(tmp_path):
    writer = MapWriter(tmp_path / "a.h5", HEADER, maps_per_part=1)
    writer.put("0", a_map(0))

    assert MapWriter(tmp_path / "a.h5", HEADER, resume=False).missing("0") == ["0"]


def test_the_digest_depends_on_content_alone(tmp_path):
    write(tmp_path / "once.h5")
    for numbers in (range(3), range(5)):
        writer = MapWriter(tmp_path / "twice.h5", HEADER, maps_per_part=2)
        for image_id in writer.missing(str(number) for number in reversed(numbers)):
            writer.put(image_id, a_map(int(image_id)))
    writer.finish()
    other_options = Header("labels", "{}", {}, HEADER.extra)
    write(tmp_path / "options.h5", header=other_options)
    write(tmp_path / "fewer.h5", range(4))
    write(tmp_path / "kind.h5", header=Header("masks", extra=HEADER.extra))

    digest = file_digest(tmp_path / "once.h5")
    assert file_digest(tmp_path / "twice.h5") == digest
    assert file_digest(tmp_path / "options.h5") == digest
    assert file_digest(tmp_path / "fewer.h5") != digest
    assert file_digest(tmp_path / "kind.h5") != digest


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ((a_map(0), {"scale": 1.0}), True),
        ((a_map(1), {"scale": 1.0}), False),
        ((a_map(0), {"scale": 2.0}), False),
        ((a_map(0).astype(np.uint16), {"scale": 1.0}), False),
        ((a_map(0).reshape(12, 10), {"scale": 1.0}), False),
    ],
)
def test_the_digest_notices_values_types_shapes_and_attributes(tmp_path, change, same):
    for name, (array, attributes) in (("a", (a_map(0), {"scale": 1.0})), ("b", change)):
        with MapWriter(tmp_path / f"{name}.h5", HEADER) as writer:
            writer.put("0", array, **attributes)

    assert (file_digest(tmp_path / "a.h5") == file_digest(tmp_path / "b.h5")) == same


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

    with pytest.raises(UserError, match=r"a\.h5: format 99, but this version reads 1;"):
        MapReader(tmp_path / "a.h5")


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


def spoil(path: Path, inside: str) -> None:
    """Overwrite the start of what HDF5 knows of one object of a file."""
    with h5py.File(path, "r") as file:
        place = h5py.h5o.get_info(file[inside].id).addr
    with path.open("r+b") as stream:
        stream.seek(place)
        stream.write(b"\xff" * 16)


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

    for look in (MapReader.read, MapReader.map_attributes):
        with pytest.raises(UserError) as caught, MapReader(tmp_path / "a.h5") as reader:
            look(reader, "3")
        assert str(caught.value) == (
            f"{tmp_path}/a.h5: {fault}; delete the file and run its stage again."
        )


@pytest.mark.parametrize("inside", ["/", "columns", "columns/height"])
def test_damage_to_the_structure_of_a_table_is_one_sentence(tmp_path, inside):
    write_table(tmp_path / "a.h5", HEADER, {"height": np.array([1, 2])})
    spoil(tmp_path / "a.h5", inside)

    with pytest.raises(UserError, match=r"a\.h5: not an HDF5 file, or a damaged one; delete the"):
        read_table(tmp_path / "a.h5", "labels")


@pytest.mark.parametrize("signature", [b"HEAP", b"SNOD", b"TREE"])
def test_damage_to_the_lists_of_names_is_one_sentence(tmp_path, signature):
    write(tmp_path / "maps.h5")
    write_table(tmp_path / "table.h5", HEADER, {"height": np.array([1, 2])})
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert signature in content
        path.write_bytes(content.replace(signature, b"XXXX"))

    sentence = "not an HDF5 file, or a damaged one; delete the file and run its stage again"
    with pytest.raises(UserError, match=f"maps.h5: {sentence}"):
        MapReader(tmp_path / "maps.h5").ids()
    with pytest.raises(UserError, match=f"table.h5: {sentence}"):
        read_table(tmp_path / "table.h5", "labels")


def test_a_missing_map_is_named(tmp_path):
    write(tmp_path / "a.h5")

    with (
        MapReader(tmp_path / "a.h5") as reader,
        pytest.raises(UserError, match=r"a\.h5: has no map of image 'zoo/1'"),
    ):
        reader.read("zoo/1")


@pytest.mark.parametrize("limit", [5_000, 60_000])
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
    name = "a.h5.parts: cannot write 00000.h5" if limit == 5_000 else ": cannot write a.h5"
    assert result.stdout.startswith("UserError ")
    assert f"{name} (File too large); mend that and run the same command again" in result.stdout
    assert [file.name for file in tmp_path.iterdir()] == ["a.h5.parts"]
    whole = list((tmp_path / "a.h5.parts").iterdir())
    assert len(whole) == (0 if limit == 5_000 else 30)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UserError, match=r"cannot write a\.csv \(Not a directory\)"):
        write_atomically(tmp_path / "file" / "deep" / "a.csv", b"x")
    with pytest.raises(UserError, match=r"cannot write 00000\.h5 \(Not a directory\)"):
        write(tmp_path / "file" / "a.h5")


def test_a_small_file_is_replaced_whole(tmp_path):
    path = tmp_path / "deep" / "a.csv"
    write_atomically(path, b"old")
    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    "writing",
    [
        "write_atomically(path, b'new' * 2000)",
        "write_table(path, header, {'height': np.zeros(2000)})",
    ],
)
def test_a_full_disk_leaves_the_earlier_file(tmp_path, writing):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    result = in_another_process(
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))",
        f"path = Path({str(path)!r})",
        "try:",
        f"    {writing}",
        "except Exception as error:",
        "    print(type(error).__name__, error)",
    )

    assert result.stdout == (
        f"UserError {tmp_path}: cannot write a (File too large); mend that and run the same "
        f"command again: nothing before it is lost.\n"
    )
    assert result.stderr == ""
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_map_that_a_whole_part_holds_may_be_put_again(tmp_path):
    """Two artifacts written side by side are cut at different images."""
    path = tmp_path / "a.h5"
    interrupted = MapWriter(path, Header("labels"), maps_per_part=1)
    interrupted.put("x", np.ones((2, 2), np.uint8))

    with MapWriter(path, Header("labels")) as writer:
        writer.put("x", np.ones((2, 2), np.uint8))
        writer.put("y", np.zeros((2, 2), np.uint8))

    with MapReader(path) as maps:
        assert maps.ids() == ["x", "y"]
