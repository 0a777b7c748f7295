"""Photographs and masks that stay where they are, away from labels.csv."""

import pytest

from auxseg.config import FolderOptions
from auxseg.datasets import folder
from auxseg.errors import UserError


@pytest.fixture
def scattered(my_photos, tmp_path):
    """The three photographs with folders of their own; only labels.csv stays below the root."""
    places = {"images": tmp_path / "photos", "masks": tmp_path / "truth"}
    for name, place in places.items():
        (my_photos / name).rename(place)
    return {"root": str(my_photos), **{name: str(place) for name, place in places.items()}}


def test_photographs_and_masks_are_read_where_they_are(scattered, tmp_path):
    data = folder.load(FolderOptions(**scattered))

    assert data.faults == ()
    assert [record.id for record in data.records] == ["tom", "rex", "both"]
    assert data.records[0].image == tmp_path / "photos/tom.jpg"
    assert data.records[0].mask().max() == 1


def test_faults_name_the_folder_that_was_read(scattered, tmp_path):
    (tmp_path / "photos/tom.jpg").unlink()

    assert folder.load(FolderOptions(**scattered)).faults == (
        f"{tmp_path}/my-photos/labels.csv line 2: no photograph 'tom.jpg' in {tmp_path}/photos; "
        "add it or remove the row.",
        f"{tmp_path}/truth/tom.png: bears no photograph's name; rename or remove it.",
    )


@pytest.mark.parametrize("key", ["images", "masks"])
def test_a_folder_that_is_named_must_be_there(scattered, key):
    with pytest.raises(UserError, match=rf"nowhere: no such folder; .*index\.folder\.{key}"):
        folder.load(FolderOptions(**{**scattered, key: "nowhere"}))
