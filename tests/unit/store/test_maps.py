import signal

import numpy as np
import pytest

from auxseg.store import Header, MapReader, MapWriter, file_digest, maps_in_parts
from tests.damage import in_another_process
from tests.unit.store.small_maps import HEADER, a_map, stopped_after, write


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
        assert reader.read_with_attributes("a")[1] == {"classes": [3, 7], "name": "ä"}
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
    with MapWriter(path, HEADER, maps_per_part=2) as writer:
        for number in range(5):
            writer.put(str(number), a_map(number))
        assert [file.name for file in tmp_path.iterdir()] == ["a.h5.parts"]

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
        "from auxseg.store import atomic",
        "replace, done = atomic.replace, []",
        "def interrupted(temporary, final):",
        f"    if len(done) == {renames}:",
        "        os.kill(os.getpid(), signal.SIGKILL)",
        "    done.append(final)",
        "    replace(temporary, final)",
        "atomic.replace = interrupted",
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


def test_maps_of_whole_parts_are_counted(tmp_path):
    path = tmp_path / "a.h5"
    assert maps_in_parts(path) == 0

    writer = MapWriter(path, HEADER, maps_per_part=2)
    for number in range(7):
        writer.put(str(number), a_map(number))
    assert maps_in_parts(path) == 6

    (tmp_path / "a.h5.parts" / "00001.h5").write_bytes(b"no")
    assert maps_in_parts(path) == 4


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
    stopped_after(tmp_path / "twice.h5", reversed(range(3)), maps_per_part=2)
    write(tmp_path / "twice.h5", reversed(range(5)), maps_per_part=2)
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


def test_what_waits_for_its_part_is_kept_when_the_work_is_stopped(tmp_path):
    path = tmp_path / "a.h5"

    def stopped() -> None:
        with MapWriter(path, HEADER) as writer:
            writer.put("0", a_map(0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()

    assert MapWriter(path, HEADER).missing("01") == ["1"]


def test_parts_are_counted_on_beyond_five_digits(tmp_path):
    path = tmp_path / "a.h5"
    stopped_after(path, [0])
    parts = tmp_path / "a.h5.parts"
    (parts / "00000.h5").rename(parts / "99999.h5")

    write(path, range(4), maps_per_part=1)

    with MapReader(path) as reader:
        assert reader.ids() == ["0", "1", "2", "3"]
