"""What a table of image-level labels says, and every fault that it may have."""

import unicodedata

import numpy as np
import pytest

from auxseg.errors import UserError
from tests.unit.datasets.own_photographs import add_photo, faults_of, load, write_table


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


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_class_is_the_same_whichever_way_its_accents_are_written(my_photos, form):
    apart = unicodedata.normalize("NFD", "café")
    write_table(my_photos, "tom,café", f"rex,{apart}", "both,dog", header="image,labels")

    chosen = ("dog", unicodedata.normalize(form, "café"))

    assert load(my_photos).classes == ("café", "dog")
    assert [record.labels for record in load(my_photos, classes=chosen).records] == [
        (1,),
        (1,),
        (0,),
    ]


def test_names_that_differ_in_capitals_alone_are_a_slip(my_photos):
    write_table(my_photos, "tom,cat", "rex,Dog", "both,dog", header="image,labels")

    assert faults_of(my_photos) == [
        "labels.csv: classes 'Dog' and 'dog' differ in capitals alone; write one of them."
    ]


@pytest.mark.parametrize("cell", ["cat dog", "cat;dog", "dog|cat", "cat ; dog", "cat dog cat"])
def test_blanks_semicolons_and_bars_separate_labels(my_photos, cell):
    write_table(my_photos, "tom,cat", "rex,dog", f"both,{cell}", header="image,labels")

    assert load(my_photos).records[2].labels == (0, 1)


def test_without_a_split_every_photograph_is_for_training(my_photos):
    write_table(my_photos, "tom,cat", "rex,dog", "both,cat dog", header="image,labels")

    assert [r.split for r in load(my_photos).records] == ["train"] * 3


def test_columns_may_stand_in_any_order_and_case(my_photos):
    rows = ("val,cat,tom", "train,dog,rex", "train,cat,both")
    write_table(my_photos, *rows, header="Split, LABELS ,Image")

    data = load(my_photos)

    assert [(r.id, r.split, r.labels) for r in data.records] == [
        ("tom", "val", (0,)),
        ("rex", "train", (1,)),
        ("both", "train", (0,)),
    ]


def test_an_unknown_class_is_reported_with_line_and_suggestion(my_photos):
    write_table(my_photos, "tom,cat,", "rex,hrose,", "both,cat,")

    assert faults_of(my_photos, classes=("cat", "horse")) == [
        "labels.csv line 3: unknown class 'hrose' (did you mean 'horse'?); mend it, or add it at "
        "the end of index.folder.classes."
    ]


def test_lines_are_counted_as_an_editor_counts_them(my_photos):
    write_table(my_photos, 'tom,"cat', 'dog",', "", "rex,zebra,", "both,cat,")

    assert faults_of(my_photos, classes=("cat", "dog")) == [
        "labels.csv line 5: unknown class 'zebra'; known are cat, dog; mend it, or add it at the "
        "end of index.folder.classes."
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
