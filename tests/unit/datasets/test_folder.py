import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from auxseg.config import FolderOptions
from auxseg.datasets import folder
from auxseg.datasets.record import Dataset
from auxseg.errors import UserError


def load(root: Path, **options) -> Dataset:
    return folder.load(FolderOptions(root=str(root), **options))


def write_table(root: Path, *lines: str, header: str = "image,labels,split") -> None:
    (root / "labels.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def add_photo(root: Path, name: str) -> None:
    path = root / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4)).save(path)


def faults_of(root: Path, **options) -> list[str]:
    """The faults, without the temporary folder's name."""
    return [fault.replace(f"{root}/", "") for fault in load(root, **options).faults]


def test_every_row_becomes_a_record_with_its_labels_and_mask(my_photos):
    data = load(my_photos)

    assert data.classes == ("cat", "dog")
    assert data.palette == ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    assert data.faults == ()
    assert [(r.id, r.split, r.labels) for r in data.records] == [
        ("tom", "train", (0,)),
        ("rex", "train", (1,)),
        ("both", "val", (0, 1)),
    ]
    assert data.records[1].image == my_photos / "images" / "rex.jpg"
    assert np.array_equal(data.records[1].mask(), np.full((4, 6), 2))


def test_chosen_classes_keep_their_order(my_photos):
    data = load(my_photos, classes=("dog", "bird", "cat"))

    assert data.classes == ("dog", "bird", "cat")
    assert [r.labels for r in data.records] == [(2,), (0,), (0, 2)]


def test_where_semicolons_separate_a_name_may_hold_blanks(my_photos):
    write_table(
        my_photos, "tom,polar bear", "rex,dog; polar bear", "both,dog", header="image,labels"
    )

    data = load(my_photos)

    assert data.classes == ("dog", "polar bear")
    assert [r.labels for r in data.records] == [(1,), (0, 1), (0,)]


def test_names_that_differ_in_capitals_alone_are_a_slip(my_photos):
    write_table(my_photos, "tom,cat", "rex,Dog", "both,dog", header="image,labels")

    assert faults_of(my_photos) == [
        "labels.csv: classes 'Dog' and 'dog' differ in capitals alone; write one of them."
    ]


def test_a_mask_that_bears_no_photographs_name_is_a_fault(my_photos):
    (my_photos / "masks" / "rex.png").rename(my_photos / "masks" / "rex_mask.png")
    (my_photos / "masks" / "tom.png").rename(my_photos / "masks" / "tom.PNG")

    assert faults_of(my_photos) == [
        "masks/rex_mask.png: bears no photograph's name; rename or remove it.",
        "masks/tom.PNG: must be a PNG and end in .png.",
    ]


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


@pytest.mark.parametrize("cell", ["cat dog", "cat;dog", "dog|cat", "cat ; dog", "cat dog cat"])
def test_blanks_semicolons_and_bars_separate_labels(my_photos, cell):
    write_table(my_photos, "tom,cat", "rex,dog", f"both,{cell}", header="image,labels")

    assert load(my_photos).records[2].labels == (0, 1)


def test_without_a_split_every_photograph_is_for_training(my_photos):
    write_table(my_photos, "tom,cat", "rex,dog", "both,cat dog", header="image,labels")

    assert [r.split for r in load(my_photos).records] == ["train"] * 3


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
        "labels.csv line 2: no photograph 'tom.png' in images; add it or remove the row.",
        "images/tom.jpg: not in labels.csv; add a row or remove the photograph.",
    ]


def test_columns_may_stand_in_any_order_and_case(my_photos):
    rows = ("val,cat,tom", "train,dog,rex", "train,cat,both")
    write_table(my_photos, *rows, header="Split, LABELS ,Image")

    data = load(my_photos)

    assert [(r.id, r.split, r.labels) for r in data.records] == [
        ("tom", "val", (0,)),
        ("rex", "train", (1,)),
        ("both", "train", (0,)),
    ]


def test_subfolders_are_part_of_the_name(my_photos):
    add_photo(my_photos, "zoo/tom.jpg")
    (my_photos / "masks" / "zoo").mkdir()
    Image.new("L", (6, 4), 7).save(my_photos / "masks" / "zoo" / "tom.png")
    write_table(my_photos, "tom,cat,", "rex,dog,", "both,cat,", "zoo/tom.jpg,cat,")

    data = load(my_photos)

    assert data.faults == ()
    assert data.records[3].id == "zoo/tom"
    assert data.records[3].mask()[0, 0] == 7


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


def test_an_unknown_class_is_reported_with_line_and_suggestion(my_photos):
    write_table(my_photos, "tom,cat,", "rex,hrose,", "both,cat,")

    assert faults_of(my_photos, classes=("cat", "horse")) == [
        "labels.csv line 3: unknown class 'hrose' (did you mean 'horse'?)"
    ]


def test_lines_are_counted_as_an_editor_counts_them(my_photos):
    write_table(my_photos, 'tom,"cat', 'dog",', "", "rex,zebra,", "both,cat,")

    assert faults_of(my_photos, classes=("cat", "dog")) == [
        "labels.csv line 5: unknown class 'zebra'; known are cat, dog"
    ]


def test_all_faults_of_table_and_folder_are_listed_at_once(my_photos):
    add_photo(my_photos, "tom.png")
    add_photo(my_photos, "forgotten.png")
    write_table(
        my_photos,
        "tom.jpg,cat,train",
        "tom,cat,train",
        "gone.jpg,cat,train",
        "rex,dog,trian",
        "both,,train",
        "both,cat",
    )

    assert faults_of(my_photos) == [
        "images/tom.png: has the same name as tom.jpg, extension aside; rename one.",
        "labels.csv line 7: 2 cells where the header has 3; separate columns by commas and quote "
        "texts that hold one.",
        "labels.csv line 3: 'tom' stands on line 2 already; remove one.",
        "labels.csv line 4: no photograph 'gone.jpg' in images; add it or remove the row.",
        "labels.csv line 5: unknown split 'trian'; it must be one of train, val, test.",
        "labels.csv line 6: 'both' has no class; name one or remove the row.",
        "images/forgotten.png: not in labels.csv; add a row or remove the photograph.",
    ]


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


def test_an_evaluation_photograph_may_show_no_class(my_photos):
    write_table(my_photos, "tom,cat,train", "rex,dog,train", "both,,val")

    data = load(my_photos)

    assert data.faults == ()
    assert data.records[2].labels == ()


def test_no_photograph_to_train_on_is_a_fault(my_photos):
    write_table(my_photos, "tom,cat,val", "rex,dog,val", "both,cat,test")

    assert faults_of(my_photos) == [
        "labels.csv: split 'train' is empty; name a photograph to train on."
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"",
            "line 1: the header must be 'image,labels' or 'image,labels,split', but is 'nothing'.",
        ),
        (
            b"photo;labels\ntom;cat\n",
            "line 1: the header must be 'image,labels' or 'image,labels,split', but is "
            "'photo,labels'.",
        ),
        (
            b"image,labels,labels\ntom,cat,dog\n",
            "line 1: 'image,labels,labels' names a column twice; join the two.",
        ),
        (
            b"image,labels\ntom,B\xe4r\n",
            ": byte 18 is not UTF-8; save the file as UTF-8 text.",
        ),
    ],
)
def test_an_unreadable_table_is_one_sentence(my_photos, content, sentence):
    (my_photos / "labels.csv").write_bytes(content)

    with pytest.raises(UserError) as caught:
        load(my_photos)

    assert str(caught.value).startswith(str(my_photos / "labels.csv"))
    assert str(caught.value).endswith(sentence)


def test_a_missing_table_or_folder_is_named(my_photos):
    (my_photos / "labels.csv").rename(my_photos / "lables.csv")
    with pytest.raises(UserError, match=r"labels\.csv: no such file; beside it: lables\.csv\."):
        load(my_photos)
    with pytest.raises(UserError, match=r"nowhere/images: no such folder; index\.folder\.root"):
        load(my_photos / "nowhere")


@pytest.mark.parametrize("classes", [("polar bear",), ("cat", ""), ("a;b",), ("cat", "cat")])
def test_class_names_that_cannot_be_told_apart_are_refused(my_photos, classes):
    with pytest.raises(UserError, match=r"index\.folder\.classes: "):
        load(my_photos, classes=classes)
