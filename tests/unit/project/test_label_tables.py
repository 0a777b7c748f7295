import unicodedata

import pytest

from auxseg.errors import UserError
from auxseg.project.label_tables import read_label_table


@pytest.fixture
def table(tmp_path):
    return tmp_path / "tags.csv"


def rows_of(table, *lines):
    """(image, classes, split) of each row."""
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [(row.image, row.classes, row.split) for row in read_label_table(table).rows]


def faults_of(table, *lines):
    """The faults, without the temporary folder's name."""
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [f.replace(f"{table.parent}/", "") for f in read_label_table(table).faults]


def refusal_of(table, *lines):
    table.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_label_table(table)
    return str(caught.value).replace(f"{table.parent}/", "")


# --- class names in a column ----------------------------------------------------------------------


@pytest.mark.parametrize("column", ["labels", "classes", "Labels"])
def test_all_classes_may_stand_in_a_cell(table, column):
    rows = rows_of(table, f"image,{column},split", "a.jpg,cat;dog,train", "b,cat,val", "c,,")

    assert rows == [
        ("a.jpg", ("cat", "dog"), "train"),
        ("b", ("cat",), "val"),
        ("c", (), ""),
    ]


def test_blanks_separate_names_as_in_labels_csv(table):
    assert rows_of(table, "image,labels", "a,cat dog")[0][1] == ("cat", "dog")
    assert "separated by blanks" in read_label_table(table).format
    assert rows_of(table, "image,labels", "a,polar bear;cat")[0][1] == ("polar bear", "cat")
    assert "separated by blanks" not in read_label_table(table).format


def test_commas_separate_names_too_and_then_blanks_are_part_of_them(table):
    rows = rows_of(table, "image,labels", 'a,"cat, polar bear"', "b,polar bear", 'c,"cat,dog"')

    assert [classes for _, classes, _ in rows] == [
        ("cat", "polar bear"),
        ("polar bear",),
        ("cat", "dog"),
    ]


@pytest.mark.parametrize("header", ["filename,tags", "File;Tags", "photo\tclasses"])
def test_columns_may_be_called_and_separated_as_spreadsheets_do(table, header):
    mark = next(mark for mark in ",;\t" if mark in header)
    rows = rows_of(table, header, f'IMG_1.JPG{mark}"cat, dog"')

    assert rows == [("IMG_1.JPG", ("cat", "dog"), "")]


def test_a_class_may_be_called_like_a_column(table):
    rows = rows_of(table, "image,photo,tag", "a,1,0", "b,1,1")

    assert [classes for _, classes, _ in rows] == [("photo",), ("photo", "tag")]


def test_each_class_may_have_a_row_of_its_own_whose_blanks_are_part_of_the_name(table):
    rows = rows_of(table, "image,label", "a,polar bear", "a,cat", "b,cat")

    assert rows == [("a", ("polar bear",), ""), ("a", ("cat",), ""), ("b", ("cat",), "")]


def test_an_unknown_column_beside_names_is_a_fault(table):
    assert faults_of(table, "image,labels,Width,source", "a,cat,640,me", "b,cat") == [
        "tags.csv line 1: unknown column 'Width'; remove it.",
        "tags.csv line 1: unknown column 'source'; remove it.",
        "tags.csv line 3: 2 cells where the header has 4; separate columns by commas and quote "
        "texts that hold one.",
    ]


# --- a column for each class ----------------------------------------------------------------------


def test_each_class_may_have_a_column_of_0_and_1(table):
    rows = rows_of(
        table, "image,Cat,polar bear,split", "a,1.0,no,train", "b,TRUE,yes,", "c,,0.0,val"
    )

    assert rows == [
        ("a", ("Cat",), "train"),
        ("b", ("Cat", "polar bear"), ""),
        ("c", (), "val"),
    ]


def test_a_class_that_no_row_shows_is_known_all_the_same(table):
    table.write_text("image,cat,dog\na,1,0\n")

    assert read_label_table(table).classes == {"cat", "dog"}


def test_a_column_that_holds_anything_else_is_one_fault(table):
    assert faults_of(table, "image,cat,width", "a,1,640", "b,0,320") == [
        "tags.csv line 2: column 'width' holds '640', where a class has 0 or 1; mend it, or remove "
        "the column if it is no class."
    ]


def test_accents_in_a_header_are_composed_and_two_forms_are_one_class(table):
    apart = unicodedata.normalize("NFD", "café")

    assert rows_of(table, f"image,{apart},dog", "a,1,0") == [("a", ("café",), "")]
    assert "line 1: column 'café' stands there twice" in refusal_of(
        table, f"image,{apart},café", "a,1,0"
    )


# --- neither --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", ["image:labels", "id,labels", "image", "image,split", "image,caption"]
)
def test_a_table_of_no_known_format_is_refused_with_its_header_and_those_that_are_known(
    table, header
):
    cells = ",".join("x" for _ in header.split(","))
    told = refusal_of(table, header, cells)

    assert told.startswith(f"tags.csv line 1: the header is '{header}', but must be 'image,labels'")
    assert "'image,label' (a row for each name)" in told
    assert "'image,CLASS,CLASS,...' (0 or 1 for each class)" in told


def test_where_no_column_is_one_of_classes_the_first_fault_is_told_too(table):
    told = refusal_of(table, "image,cat,dog", "a,1,0", "b,maybe,2")

    assert "the header is 'image,cat,dog', but must be" in told
    assert "As classes: tags.csv line 3: column 'cat' holds 'maybe', where a class" in told


def test_an_empty_table_is_refused(table):
    assert "the header is 'nothing'" in refusal_of(table)


def test_columns_without_a_name_or_with_the_same_are_refused_at_once(table):
    assert refusal_of(table, ",image,cat,Cat", "0,a,1,1").splitlines()[1:] == [
        "  - tags.csv line 1: column 1 has no name; name or remove it.",
        "  - tags.csv line 1: column 'cat' stands there twice, capitals aside; remove one.",
    ]


def test_two_columns_of_names_are_refused(table):
    assert refusal_of(table, "image,label,classes", "a.jpg,3,cat") == (
        "tags.csv line 1: columns 'label' and 'classes' both name classes; remove all but one."
    )
