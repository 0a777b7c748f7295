import pickle
import unicodedata
from dataclasses import replace
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from auxseg.datasets.index_file import Entry
from auxseg.datasets.other_methods import (
    cam_of,
    check_folder,
    find_all,
    index_picture_of,
    picture_of,
    read_cam,
    read_labels,
    read_matching_saliency,
)
from auxseg.errors import UserError

CLASSES = ("cat", "cow", "dog", "horse")
OWN = [1, 3]
MAPS = np.random.default_rng(0).normal(size=(4, 3, 5)).astype(np.float32)


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """A photograph of 30 x 50 that shows a cow and a horse."""
    image = tmp_path / "IMG 7.jpg"
    Image.new("RGB", (50, 30)).save(image)
    return Entry("shelf/IMG 7", "train", image, 30, 50, np.isin(np.arange(4), OWN), None)


def read(entry: Entry, folder: Path) -> np.ndarray:
    path = cam_of(folder, entry)
    assert path is not None
    return read_cam(path, entry, CLASSES)


def test_a_map_in_a_subfolder_is_found_whichever_way_its_accents_are_written(entry, tmp_path):
    photo = replace(entry, id="garden/café", image=Path(unicodedata.normalize("NFD", "café.jpg")))
    path = tmp_path / unicodedata.normalize("NFD", "garden/café.npy")
    path.parent.mkdir()
    path.touch()

    assert cam_of(tmp_path, photo) == path


def test_a_photograph_that_is_turned_later_is_not_squashed(entry):
    Image.new("RGB", (30, 50)).save(entry.image)

    with pytest.raises(UserError, match=r"IMG 7\.jpg: has another shape than when the index"):
        entry.photograph()


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], OWN], ids=["all classes", "own classes"])
@pytest.mark.parametrize("suffix", [".npy", ".h5"])
def test_an_array_of_all_or_of_the_own_classes_gives_the_own(entry, tmp_path, suffix, rows):
    path = tmp_path / f"IMG 7{suffix}"
    if suffix == ".npy":
        np.save(path, MAPS[rows])
    else:
        with h5py.File(path, "w") as file:
            file["cam"] = MAPS[rows]

    assert np.array_equal(read(entry, tmp_path), MAPS[OWN])


def test_grey_pictures_named_by_class_give_the_own(entry, tmp_path):
    folder = tmp_path / "shelf/IMG 7"
    folder.mkdir(parents=True)
    for number, name in enumerate(CLASSES):
        Image.fromarray(np.full((6, 10), 10 * number, np.uint8)).save(folder / f"{name}.png")

    assert read(entry, tmp_path)[:, 0, 0].tolist() == [10, 30]


def test_a_missing_picture_of_a_class_is_named(entry, tmp_path):
    (tmp_path / "shelf/IMG 7").mkdir(parents=True)

    with pytest.raises(UserError, match=r"no picture of class 'cow'; name them cow\.png"):
        read(entry, tmp_path)


def test_a_folder_that_is_not_there_is_named_with_its_key(tmp_path):
    with pytest.raises(UserError, match=r"seed\.labels: .*/nowhere: no such folder; mend its name"):
        check_folder(tmp_path / "nowhere", "seed.labels")


def test_without_a_file_there_is_nothing(entry, tmp_path):
    assert cam_of(tmp_path, entry) is None


@pytest.mark.parametrize(
    ("maps", "sentence"),
    [
        (MAPS[:3], r"an array \(3, 3, 5\), where \(2, h, w\) .* or \(4, h, w\)"),
        (MAPS[0], r"an array \(3, 5\)"),
        (np.full((2, 3, 5), np.nan), "not finite"),
        (np.full((2, 3, 5), "a"), r"not a plain array of numbers .*its type is <U1"),
        (np.zeros((2, 0, 0)), r"not a plain array of numbers .*its shape \(2, 0, 0\)"),
        (np.zeros((2, 5, 5)), "maps of 5 x 5 cannot be those of an image of 50 x 30"),
    ],
)
def test_an_array_that_cannot_be_is_refused(entry, tmp_path, maps, sentence):
    np.save(tmp_path / "IMG 7.npy", maps)

    with pytest.raises(UserError, match=sentence):
        read(entry, tmp_path)


class Hostile:
    def __reduce__(self):
        return print, ("executed",)


def test_pickled_objects_are_refused_and_not_run(entry, tmp_path, capsys):
    np.save(tmp_path / "IMG 7.npy", np.array({"cow": Hostile()}), allow_pickle=True)

    with pytest.raises(UserError, match=r"IMG 7\.npy: not a plain array"):
        read(entry, tmp_path)

    (tmp_path / "IMG 7.npy").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(UserError, match=r"IMG 7\.npy: not a plain array"):
        read(entry, tmp_path)
    assert capsys.readouterr().out == ""


def test_a_file_that_promises_more_than_memory_holds_is_refused(entry, tmp_path):
    with h5py.File(tmp_path / "IMG 7.h5", "w") as file:
        file.create_dataset("cam", shape=(2, 10**6, 10**6), chunks=(1, 64, 64), dtype="f4")

    with pytest.raises(UserError, match="are more than the limit of"):
        read(entry, tmp_path)


def test_one_file_cannot_serve_two_photographs(tmp_path):
    (tmp_path / "1.png").write_bytes(b"x")
    entries = [
        Entry(f"{folder}/1", "train", Path(f"{folder}/1.jpg"), 4, 6, np.array([True]), None)
        for folder in "ab"
    ]

    with pytest.raises(UserError, match=r"1\.png would serve both 'a/1' and 'b/1'"):
        find_all(entries, partial(picture_of, tmp_path), "saliency map", "maps")


def test_pictures_of_classes_must_have_one_size(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    for name, width in (("cat", 6), ("dog", 7)):
        Image.new("L", (width, 4)).save(folder / f"{name}.png")
    entry = Entry("x", "train", Path("x.jpg"), 4, 6, np.array([True, True]), None)

    with pytest.raises(UserError, match=r"x: pictures of 6 x 4 and 7 x 4 pixels; make them"):
        read_cam(folder, entry, ("cat", "dog"))


def test_indices_blurred_by_jpg_are_not_taken_for_labels(tmp_path):
    Image.new("L", (6, 4)).save(tmp_path / "x.jpg")
    entry = Entry("x", "train", Path("x.jpg"), 4, 6, np.array([True]), None)

    assert index_picture_of(tmp_path, entry) is None


@pytest.mark.parametrize("read_map", [read_labels, read_matching_saliency])
@pytest.mark.parametrize("size", [(50, 30), (25, 15)], ids=["the file's", "scaled down"])
def test_a_map_has_the_photographs_size_or_that_to_which_it_is_scaled(tmp_path, read_map, size):
    Image.new("RGB", (50, 30)).save(tmp_path / "a.jpg")
    Image.new("L", size, 1).save(tmp_path / "a.png")
    entry = Entry("a", "train", tmp_path / "a.jpg", 15, 25, np.array([True]), None)

    assert np.array_equal(read_map(tmp_path / "a.png", entry), np.ones((15, 25)))


@pytest.mark.parametrize("read_map", [read_labels, read_matching_saliency])
def test_a_map_of_another_size_is_refused(tmp_path, read_map):
    Image.new("RGB", (50, 30)).save(tmp_path / "a.jpg")
    Image.new("L", (15, 25)).save(tmp_path / "a.png")
    entry = Entry("a", "train", tmp_path / "a.jpg", 15, 25, np.array([True]), None)

    with pytest.raises(UserError, match=r"a\.png: 15 x 25 pixels, but image 'a' has 50 x 30"):
        read_map(tmp_path / "a.png", entry)
