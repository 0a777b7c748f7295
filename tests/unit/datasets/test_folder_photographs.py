"""Which files are the photographs, masks and saliency maps that a table names."""

import shutil
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from auxseg.datasets.files import folder_digest
from auxseg.datasets.photographs import find, png_beside
from tests.unit.datasets.own_photographs import add_photo, faults_of, load, write_table


def test_a_mask_that_bears_no_photographs_name_is_a_fault(my_photos):
    (my_photos / "masks" / "rex.png").rename(my_photos / "masks" / "rex_mask.png")
    (my_photos / "masks" / "tom.png").rename(my_photos / "masks" / "tom.PNG")

    assert faults_of(my_photos) == [
        "masks/rex_mask.png: bears no photograph's name; rename or remove it.",
        "masks/tom.PNG: must be a PNG and end in .png.",
    ]


def test_a_mask_beside_its_photographs_folder_is_told_its_place(my_photos):
    (my_photos / "images/cats").mkdir()
    (my_photos / "images/tom.jpg").rename(my_photos / "images/cats/tom.jpg")
    write_table(my_photos, "cats/tom,cat,", "rex,dog,", "both,cat,")
    nameless = "bears no photograph's name;"

    assert faults_of(my_photos) == [
        f"masks/tom.png: {nameless} if 'cats/tom' is meant, move it to masks/cats/tom.png."
    ]
    (my_photos / "masks/tom.png").rename(my_photos / "masks/tom.jpg")
    assert faults_of(my_photos) == [f"masks/tom.jpg: {nameless} rename or remove it."]


@pytest.mark.parametrize("taken", [True, False])
def test_a_mask_is_told_no_place_that_is_taken_or_may_be_anothers(my_photos, taken):
    for folder in ["cats"] if taken else ["cats", "dogs"]:
        add_photo(my_photos, f"{folder}/1.jpg")
    if taken:
        (my_photos / "masks/cats").mkdir()
        shutil.copy(my_photos / "masks/tom.png", my_photos / "masks/cats/1.png")
    others = [] if taken else ["dogs/1,dog,"]
    write_table(my_photos, "tom,cat,", "rex,dog,", "both,cat,", "cats/1,cat,", *others)
    shutil.copy(my_photos / "masks/tom.png", my_photos / "masks/1.png")

    assert faults_of(my_photos) == ["masks/1.png: bears no photograph's name; rename or remove it."]


def test_a_photograph_of_a_format_that_is_not_read_is_named(my_photos):
    (my_photos / "images" / "tom.heic").write_bytes(b"x")
    write_table(my_photos, "tom.heic,cat,", "tom,cat,", "rex,dog,", "both,cat,")

    assert faults_of(my_photos) == [
        "labels.csv line 2: 'tom.heic' is of a format that is not read; convert it to JPEG or PNG."
    ]


def test_an_extension_may_be_written_in_capitals_or_not(my_photos):
    add_photo(my_photos, "a.JPG")
    write_table(my_photos, "tom.JPG,cat,", "rex,dog,", "both,cat,", "a.jpg,dog,")

    assert faults_of(my_photos) == []


def test_masks_and_saliency_are_optional_and_found_by_name(my_photos):
    (my_photos / "masks" / "rex.png").unlink()
    (my_photos / "saliency").mkdir()
    Image.new("L", (6, 4)).save(my_photos / "saliency" / "rex.png")

    tom, rex, _ = load(my_photos).records

    assert tom.mask is not None
    assert rex.mask is None
    assert tom.saliency is None
    assert rex.saliency == my_photos / "saliency" / "rex.png"


@pytest.mark.parametrize("suffix", ["jpeg", "JPG", "png", "bmp", "tif", "tiff", "webp"])
def test_common_image_formats_are_found_with_and_without_extension(my_photos, suffix):
    add_photo(my_photos, f"a.b.{suffix}")
    write_table(my_photos, "tom,cat", "a.b,dog", header="image,labels")
    bare = load(my_photos)
    write_table(my_photos, "tom,cat", f"a.b.{suffix},dog", header="image,labels")
    full = load(my_photos)

    for data in (bare, full):
        assert data.records[-1].id == "a.b"
        assert data.records[-1].image.name == f"a.b.{suffix}"


def test_a_photograph_named_with_another_extension_is_not_found(my_photos):
    write_table(my_photos, "tom.png,cat,", "rex,dog,", "both,cat,")

    assert faults_of(my_photos) == [
        "labels.csv line 2: no photograph 'tom.png' in images; if 'tom' is meant, name it so.",
        "images/tom.jpg: not in labels.csv; add a row or remove the photograph.",
    ]


@pytest.mark.parametrize("name", ["/photos/tom.jpg", "shelf/tom.jpg", "TOM.JPG", "Tom"])
def test_a_photograph_named_otherwise_is_asked_after(my_photos, name):
    write_table(my_photos, f"{name},cat,train", "rex,dog,train")

    sentence = f"no photograph {name!r} in images; if 'tom' is meant, name it so."
    assert f"labels.csv line 2: {sentence}" in faults_of(my_photos)


def test_subfolders_are_part_of_the_name(my_photos):
    add_photo(my_photos, "zoo/tom.jpg")
    (my_photos / "masks" / "zoo").mkdir()
    Image.new("L", (6, 4), 7).save(my_photos / "masks" / "zoo" / "tom.png")
    write_table(my_photos, "tom,cat,", "rex,dog,", "both,cat,", "zoo/tom.jpg,cat,")

    data = load(my_photos)

    assert data.faults == ()
    assert data.records[3].id == "zoo/tom"
    assert data.records[3].mask()[0, 0] == 7


def test_a_named_file_is_found_before_a_copy_that_is_named_after_it(tmp_path):
    photos = {"a": tmp_path / "a.jpg", "a.jpg": tmp_path / "a.jpg.webp"}

    assert [find(photos, name) for name in ("a", "a.jpg", "a.jpg.webp")] == ["a", "a", "a.jpg"]


def test_a_name_too_long_when_taken_apart_has_no_mask(tmp_path):
    assert png_beside(tmp_path, Path("강" * 34 + ".jpg")) is None


def test_linked_folders_are_looked_into_and_those_that_lead_back_are_not(my_photos, tmp_path):
    shutil.rmtree(my_photos / "masks")
    (my_photos / "images").rename(tmp_path / "elsewhere")
    (my_photos / "images").mkdir()
    (my_photos / "images/shelf").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/round").symlink_to(my_photos / "images")
    (tmp_path / "elsewhere/up").symlink_to(tmp_path)
    write_table(my_photos, "shelf/tom,cat,train", "shelf/rex,dog,train", "shelf/both,cat dog,train")

    assert faults_of(my_photos) == []
    before = folder_digest([my_photos / "images"])
    add_photo(my_photos, "../../elsewhere/new.jpg")
    assert folder_digest([my_photos / "images"]) != before


def test_names_with_blanks_and_foreign_letters_and_a_byte_order_mark_work(my_photos):
    add_photo(my_photos, unicodedata.normalize("NFD", "Bär im Wald.jpg"))
    table = "image,labels\ntom,cat\nrex,dog\nboth,cat\n" + "Bär im Wald.jpg,Bär\n"
    (my_photos / "labels.csv").write_bytes(b"\xef\xbb\xbf" + table.encode())

    data = load(my_photos)

    assert data.faults == ()
    assert data.records[3].id == "Bär im Wald"
    assert data.classes == ("Bär", "cat", "dog")


@pytest.mark.parametrize("photo", ["NFC", "NFD"])
@pytest.mark.parametrize("beside", ["NFC", "NFD"])
@pytest.mark.parametrize("row", ["NFC", "NFD"])
def test_accents_may_be_written_in_two_ways_everywhere(my_photos, photo, beside, row):
    name = "zoo/Bär"
    add_photo(my_photos, unicodedata.normalize(photo, f"{name}.jpg"))
    for folder_name in ("masks", "saliency"):
        path = my_photos / folder_name / unicodedata.normalize(beside, f"{name}.png")
        path.parent.mkdir(parents=True)
        Image.new("L", (6, 4), 2).save(path)
    rows = ("tom,cat", "rex,dog", "both,cat", unicodedata.normalize(row, f"{name}.jpg,cat"))
    write_table(my_photos, *rows, header="image,labels")

    data = load(my_photos)

    assert data.faults == ()
    assert data.records[3].id == unicodedata.normalize("NFC", name)
    assert data.records[3].mask().tolist() == [[2] * 6] * 4
    assert data.records[3].saliency.is_file()


def test_files_that_are_no_photographs_are_passed_over(my_photos):
    for name in ("notes.txt", "Thumbs.db", "._tom.jpg", ".thumbnails/tom.jpg"):
        path = my_photos / "images" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (my_photos / "images/@eaDir/tom.jpg").mkdir(parents=True)

    assert load(my_photos).faults == ()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("t\udcffm.jpg", "its name is not UTF-8; rename it."),
        (" tom.jpg", "its name begins with a blank, which tables lose; rename it."),
        ("\u3000zoo/tom.jpg", "its name begins with a blank, which tables lose; rename it."),
    ],
    ids=["no text", "blank", "folder"],
)
def test_a_photograph_that_no_table_can_name_is_a_fault(my_photos, name, sentence):
    (my_photos / "images" / name).parent.mkdir(exist_ok=True)
    shutil.copy(my_photos / "images/tom.jpg", my_photos / "images" / name)

    assert f"images/{name}: {sentence}" in faults_of(my_photos)


def test_a_name_longer_than_the_system_allows_is_not_found(my_photos):
    write_table(my_photos, "tom,cat,", "rex,dog,", "both,cat,", f"{'a' * 300}.txt,cat,")

    assert faults_of(my_photos)[0].startswith("labels.csv line 5: no photograph 'aaa")
