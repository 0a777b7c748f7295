"""Which format is recognised, and the folders that are one themselves."""

import json

import pytest
from PIL import Image

from auxseg.datasets.photographs import photographs
from auxseg.errors import UserError
from auxseg.project.labels import read_labels


def add_photos(images, *names):
    for name in names:
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4)).save(images / name)
    return photographs(images)[0]


@pytest.mark.parametrize(
    ("content", "format_"),
    [
        ("image,labels\na,cat\n", "class names in column 'labels'"),
        ("image,label\na,cat\n", "class names in column 'label'"),
        ("image,cat\na,1\n", "a column of 0 and 1 for each class"),
        (json.dumps({"images": [], "categories": [], "annotations": []}), "COCO's annotations"),
        ('\ufeff \n{"images": [], "categories": [], "annotations": []}', "COCO's annotations"),
    ],
)
def test_a_format_is_recognised_by_content_whatever_the_file_is_called(tmp_path, content, format_):
    (tmp_path / "labels.txt").write_text(content, encoding="utf-8")

    assert read_labels(tmp_path / "labels.txt", tmp_path, {}).format.startswith(format_)


def test_without_a_file_the_first_folder_is_the_class(tmp_path):
    photos = add_photos(tmp_path, "cat/a.jpg", "dog/a.jpg", "dog/old/b.png")

    labels = read_labels(None, tmp_path, photos)

    assert [(row.image, row.classes) for row in labels.rows] == [
        ("cat/a.jpg", ("cat",)),
        ("dog/a.jpg", ("dog",)),
        ("dog/old/b.png", ("dog",)),
    ]


def test_a_photograph_beside_the_folders_is_a_fault(tmp_path):
    photos = add_photos(tmp_path, "cat/a.jpg", "b.jpg")

    assert read_labels(None, tmp_path, photos).faults == (
        f"{tmp_path}/b.jpg: lies in no class's folder; move it into one.",
    )


def test_without_a_file_and_folders_the_option_is_named(tmp_path):
    with pytest.raises(UserError, match=r"holds no folder of photographs for each class; .*--labe"):
        read_labels(None, tmp_path, add_photos(tmp_path, "a.jpg"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.json: no such file"):
        read_labels(tmp_path / "nowhere.json", tmp_path, {})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            b"PK\x03\x04\xff\xfe",
            "a workbook or another archive; save it as UTF-8 text, a table as CSV.",
        ),
        (b"\xd0\xcf\x11\xe0", "an old workbook; save it as UTF-8 text, a table as CSV."),
        (b"\xff\xfei\0m\0", "UTF-16; save the file as UTF-8 text."),
        (b"\xfe\xff\0i\0m", "UTF-16; save the file as UTF-8 text."),
        (b"image,caf\xe9", "byte 9 is not UTF-8; save the file as UTF-8 text."),
    ],
)
def test_what_a_spreadsheet_saves_otherwise_is_told(tmp_path, content, told):
    (tmp_path / "labels.xlsx").write_bytes(content)

    with pytest.raises(UserError) as caught:
        read_labels(tmp_path / "labels.xlsx", tmp_path, {})
    assert str(caught.value) == f"{tmp_path}/labels.xlsx: {told}"


def test_without_a_photograph_that_can_be_read_the_formats_are_named(tmp_path):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats/tom.heic").write_bytes(b"x")

    with pytest.raises(UserError, match=r"no photograph that can be read \(.*\.jpg.*HEIC"):
        read_labels(None, tmp_path, {})
