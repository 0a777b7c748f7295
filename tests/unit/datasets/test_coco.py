import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from auxseg.datasets.doubts import contradictions
from auxseg.datasets.record import Dataset
from auxseg.errors import UserError
from auxseg.images import read_image
from tests.unit.datasets.coco_files import (
    CAT,
    CATEGORIES,
    DOG,
    PERSON,
    box,
    crowd,
    load,
    write_example,
    write_split,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_example(tmp_path)


def test_categories_are_numbered_without_gaps(root):
    data = load(root)

    assert data.classes == ("person", "dog", "cat")
    assert len(data.palette) == 4
    assert data.records[0].labels == (0, 1, 2)


def test_a_category_is_the_same_whichever_way_its_accents_are_written(root):
    for split, form in (("train2014", "NFC"), ("val2014", "NFD")):
        name = unicodedata.normalize(form, "café")
        categories = [{**CATEGORIES[0], "name": name}, *CATEGORIES[1:]]
        write_split(root, split, {"a.jpg": [box(PERSON, 0, 0, 5, 3)]}, categories=categories)

    assert load(root).classes == ("café", "dog", "cat")


def test_supercategories_join_categories(root):
    data = load(root, classes="supercategories")

    assert data.classes == ("person", "animal")
    assert data.records[0].labels == (0, 1)
    assert data.records[1].mask()[0].tolist() == [2, 2, 0, 0, 0, 0]


def test_small_instances_lie_on_large_ones_and_crowds_are_ignored_below_both(root):
    assert load(root).records[0].mask().tolist() == [
        [1, 1, 1, 1, 1, 255],
        [1, 2, 2, 1, 1, 255],
        [1, 2, 2, 1, 1, 255],
        [0, 0, 0, 255, 255, 255],
    ]


def test_images_without_a_class_are_evaluated_but_not_trained_on(root):
    data = load(root)

    assert [(r.id, r.split, r.labels) for r in data.records] == [
        ("a", "train", (0, 1, 2)),
        ("c", "val", (2,)),
        ("d", "val", ()),
    ]
    assert not data.records[2].mask().any()


def test_images_are_ordered_by_their_numbers(root):
    sizes = {"width": 6, "height": 4}
    images = [{"id": i, "file_name": f"{i}.jpg", **sizes} for i in (30, 4, 100)]
    content = {"images": images, "annotations": [], "categories": CATEGORIES}
    (root / "annotations" / "instances_val2014.json").write_text(json.dumps(content))

    assert [r.id for r in load(root).records] == ["a", "4", "30", "100"]


def test_nothing_is_printed(root, capsys):
    load(root).records[0].mask()

    assert capsys.readouterr() == ("", "")


def test_a_split_without_instances_is_a_fault(root):
    write_split(root, "train2014", {"a.jpg": []})

    assert load(root).faults == (
        f"{root}/annotations/instances_train2014.json: split 'train' is empty: no image with an "
        f"instance in it.",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "annotation file format"),
        ("{}", "no key or number 'images'"),
        ('{"images": [], "categories": [{"id": 1}]}', "no key or number 'name'"),
        ('{"images": [], "categories": [{"id": 1, "name": 7}]}', "category 1 has no name"),
        ('{"images": [], "categories": [{"id": 1, "name": null}]}', "category 1 has no name"),
        ('{"images": [], "categories": [{"id": 1, "name": " "}]}', "category 1 has no name"),
    ],
)
def test_a_file_in_another_format_is_one_sentence(root, content, reason):
    (root / "annotations" / "instances_val2014.json").write_text(content)

    with pytest.raises(UserError) as caught:
        load(root)

    assert "instances_val2014.json: not in COCO's format of instances (" in str(caught.value)
    assert reason in str(caught.value)


def test_an_id_of_several_categories_is_a_fault(root):
    twice = [*CATEGORIES, {**CATEGORIES[0], "name": "horse"}]
    for split, name in (("train2014", "a.jpg"), ("val2014", "c.jpg")):
        write_split(root, split, {name: [box(DOG, 1, 1, 3, 3)]}, categories=twice)

    file = root / "annotations/instances_{}.json"
    sentence = "several categories have the id {}; give each its own, or remove all but one."
    assert load(root).faults == tuple(
        f"{str(file).format(split)}: {sentence.format(CATEGORIES[0]['id'])}"
        for split in ("train2014", "val2014")
    )


def test_an_instance_of_no_category_is_one_sentence(root):
    write_split(root, "val2014", {"c.jpg": [box(44, 0, 0, 2, 2)]})

    with pytest.raises(UserError, match=r"instances_val2014\.json: .* \(no key or number 44\)"):
        load(root)


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ({"width": 6}, "no key or number 'height'"),
        ({"width": 6, "height": "tall"}, "invalid literal for int"),
        ({"width": None, "height": 4}, "int\\(\\) argument must be"),
    ],
)
def test_an_image_without_its_size_is_one_sentence(root, size, reason):
    path = root / "annotations" / "instances_val2014.json"
    images = [{"id": 1, "file_name": "c.jpg", **size}]
    path.write_text(json.dumps({"images": images, "annotations": [], "categories": CATEGORIES}))

    with pytest.raises(UserError, match=rf"instances_val2014\.json: not in COCO's .* \({reason}"):
        load(root)


def test_splits_with_different_categories_are_refused(root):
    write_split(root, "val2014", {"c.jpg": []}, categories=CATEGORIES[:2])

    with pytest.raises(UserError, match=r"instances_val2014\.json: names other categories"):
        load(root)


def test_boxes_without_outlines_are_labels_and_no_mask(root):
    boxes = [{"category_id": c, "iscrowd": 0, "bbox": [0, 0, 2, 2]} for c in (DOG, PERSON)]
    boxes[1]["segmentation"] = []
    write_split(root, "train2014", {"a.jpg": boxes, "b.jpg": [box(DOG, 1, 1, 3, 3)]})

    first, second, *_ = load(root).records

    assert [load(root).classes[k] for k in first.labels] == ["person", "dog"]
    assert first.mask is None
    assert second.mask is not None


def test_a_class_that_crowds_alone_show_contradicts_no_mask(root):
    write_split(root, "train2014", {"a.jpg": [crowd(CAT, [12, 12], (4, 6))]})
    data = load(root)
    first = data.records[0]

    assert [data.classes[k] for k in first.labels] == ["cat"]
    assert contradictions(first, first.mask(), data.classes) == []


def test_missing_folders_and_files_are_named(root):
    with pytest.raises(UserError, match=r"images: no such folder; set index\.coco\.val_images"):
        load(root, val_images="images")
    with pytest.raises(UserError, match=r"nothing\.json: no such file"):
        load(root, train_annotations="nothing.json")
    with pytest.raises(UserError, match=r"annotations: cannot be read \(Is a directory\)"):
        load(root, train_annotations="annotations")


def real(root: Path, **options) -> Dataset:
    places = {f"{split}_images": f"{split}2017" for split in ("train", "val")}
    for split in ("train", "val"):
        places[f"{split}_annotations"] = f"annotations/instances_{split}2017.json"
    return load(root, **places, **options)


def test_real_photographs_fit_their_masks_and_labels(coco_tiny, capsys):
    data = real(coco_tiny)

    assert len(data.classes) == 80
    assert (data.classes[0], data.classes[79]) == ("person", "toothbrush")  # numbers 1 and 90
    assert data.faults == ()
    assert [sum(r.split == s for r in data.records) for s in ("train", "val")] == [49, 50]
    for record in data.records[::7]:
        mask = record.mask()
        drawn = set(np.unique(mask).tolist()) - {0, 255}
        assert mask.shape == read_image(record.image).shape[:2]
        assert drawn <= {label + 1 for label in record.labels}
    assert capsys.readouterr() == ("", "")


def test_real_supercategories_are_twelve(coco_tiny):
    data = real(coco_tiny, classes="supercategories")

    assert data.classes[:3] == ("person", "vehicle", "outdoor")
    assert len(data.classes) == 12
    assert {label for record in data.records for label in record.labels} <= set(range(12))


def test_real_crowds_are_ignored(coco_tiny):
    instances = json.loads((coco_tiny / "annotations" / "instances_val2017.json").read_text())
    crowds = [found for found in instances["annotations"] if found["iscrowd"]]
    crowded = {found["image_id"] for found in crowds}
    assert crowded

    ignored = {r.id for r in real(coco_tiny).records if r.split == "val" and 255 in r.mask()}

    assert ignored == {f"{image_id:012d}" for image_id in crowded}
