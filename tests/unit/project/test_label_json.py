import json
import unicodedata

import pytest

from auxseg.errors import UserError
from auxseg.project.label_json import read_label_json

COCO = {
    "images": [
        {"id": 1, "file_name": "a.jpg", "width": 6, "height": 4},
        {"id": 2, "file_name": "zoo/b.jpg"},
        {"id": 3, "file_name": "c.jpg"},
    ],
    "categories": [{"id": 18, "name": "dog"}, {"id": 17, "name": "cat"}, {"id": 1, "name": "cow"}],
    "annotations": [
        {"id": 5, "image_id": 1, "category_id": 18, "bbox": [0, 0, 1, 1], "iscrowd": 1},
        {"id": 6, "image_id": 1, "category_id": 18, "segmentation": [[0, 0, 1, 0, 1, 1]]},
        {"image_id": 2, "category_id": 18},
        {"image_id": 2, "category_id": 17},
    ],
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "labels.json"


def read(file, **changes):
    file.write_text(json.dumps({**COCO, **changes}))
    return read_label_json(file)


def refusal_of(file, text):
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        read_label_json(file)
    return str(caught.value).replace(f"{file.parent}/", "")


def test_an_image_shows_the_categories_of_its_annotations_of_whatever_kind(file):
    labels = read(file)

    assert [(row.image, row.classes) for row in labels.rows] == [
        ("a.jpg", ("dog",)),
        ("zoo/b.jpg", ("cat", "dog")),
        ("c.jpg", ()),
    ]
    assert labels.classes == {"cat", "cow", "dog"}
    assert labels.faults == ()


def test_ids_may_be_texts(file):
    labels = read(
        file,
        images=[{"id": "a", "file_name": "a.jpg"}],
        annotations=[{"image_id": "a", "category_id": 17}],
    )

    assert labels.rows[0].classes == ("cat",)
    assert labels.rows[0].place == f"{file} image 'a'"


def test_annotations_of_what_is_not_described_are_faults_told_once(file):
    strange = [
        {"image_id": 9, "category_id": 17},
        {"image_id": 9, "category_id": 18},
        {"image_id": 1, "category_id": 99},
    ]

    assert read(file, annotations=strange).faults == (
        f"{file}: annotations name category 99, which the file does not describe.",
        f"{file}: annotations name image 9, which the file does not describe.",
    )


def test_an_id_of_several_images_or_categories_is_a_fault(file):
    images = [*COCO["images"], {"id": 3, "file_name": "d.jpg"}]
    categories = [*COCO["categories"], {"id": 17, "name": "horse"}, {"id": 17, "name": "cat"}]

    assert read(file, images=images, categories=categories).faults == (
        f"{file}: several categories have the id 17; give each its own, or remove all but one.",
        f"{file}: several images have the id 3; give each its own, or remove all but one.",
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("[1, 2]", "a list where keys belong"),
        ("[" * 100_000, "recursion"),
        ('{"a.jpg": ["cat"]}', "no list 'images'; found are 'a.jpg'"),
        ('{"images": [{"id": 1}]}', "'images': entry 0 has no 'file_name' to be read"),
        ('{"images": [{"id": [1], "file_name": "a"}]}', "'images': entry 0 has no 'id' to be read"),
        ('{"images": [3]}', "'images': entry 0 has no 'id' to be read"),
        ('{"images": []}', "no list 'categories'; found are 'images'"),
    ],
    ids=range(8),
)
def test_what_is_not_in_cocos_format_is_one_sentence(file, text, reason):
    told = refusal_of(file, text)

    assert told.startswith("labels.json: not in COCO's format (")
    assert reason in told
    assert told.endswith("it must hold 'images' (id, file_name), 'categories' (id, name) and "
                         "'annotations' (image_id, category_id).")  # fmt: skip


def test_accents_in_names_of_categories_are_composed(file):
    categories = [{"id": 18, "name": unicodedata.normalize("NFD", "café")}, *COCO["categories"][1:]]

    assert read(file, categories=categories).classes == {"café", "cat", "cow"}
