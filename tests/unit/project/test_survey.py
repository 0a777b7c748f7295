import pytest
from PIL import Image

from auxseg.datasets.photographs import photographs
from auxseg.project.labelled import Labelled, Labels
from auxseg.project.survey import look_at, survey


def surveyed(root, *rows, masks=False):
    """The data set of the folder's photographs and (image, classes, split) of each row."""
    labelled = [Labelled(f"row {n}", *row) for n, row in enumerate(rows, start=1)]
    classes = frozenset(name for row in labelled for name in row.classes)
    found = Labels("tags", "by hand", tuple(labelled), classes)
    images = root / "images"
    return survey(found, images, photographs(images)[0], root / "masks" if masks else None)


def faults_of(root, *rows, **options):
    return [f.replace(f"{root}/", "") for f in surveyed(root, *rows, **options).faults]


def splits_of(data):
    return {record.id: record.split for record in data.records}


TOM, REX, BOTH = ("tom.jpg", ("cat",)), ("rex", ("dog",)), ("both.jpg", ("cat", "dog"))


def test_every_photograph_has_its_classes(my_photos):
    data = surveyed(my_photos, TOM, REX, BOTH)

    assert data.faults == ()
    assert data.classes == ("cat", "dog")
    assert {r.id: r.labels for r in data.records} == {"both": (0, 1), "rex": (1,), "tom": (0,)}


def test_rows_of_the_same_photograph_add_up(my_photos):
    data = surveyed(my_photos, TOM, REX, ("both", ("dog",)), ("both.jpg", ("cat",)))

    assert {r.id: r.labels for r in data.records}["both"] == (0, 1)


def test_masks_are_found_by_name(my_photos):
    (my_photos / "masks/rex.png").unlink()

    data = surveyed(my_photos, TOM, REX, BOTH, masks=True)

    assert {r.id for r in data.records if r.mask} == {"tom", "both"}


def test_a_photograph_without_a_class_is_not_trained_on(my_photos):
    data = surveyed(my_photos, TOM, ("rex", ()))

    assert data.faults == ()
    assert splits_of(data) == {"tom": "train", "rex": "test", "both": "test"}


def test_splits_that_are_named_are_kept(my_photos):
    data = surveyed(my_photos, TOM, ("rex", ("dog",), "val"), ("both", (), "val"))

    assert splits_of(data) == {"tom": "train", "rex": "val", "both": "val"}


def test_all_faults_are_listed_at_once(my_photos):
    Image.new("L", (6, 4)).save(my_photos / "masks/nobody.png")

    assert faults_of(
        my_photos,
        ("gone.jpg", ("cat",)),
        ("tom", ("cat",), "trian"),
        ("rex", ("dog",), "train"),
        ("rex", ("Dog",), "val"),
        ("both", (), "train"),
        ("both", ("a;b", "new\nline")),
        masks=True,
    ) == [
        "row 1: no photograph 'gone.jpg' in images; add it or remove the row.",
        "row 2: unknown split 'trian'; it must be one of train, val, test.",
        "row 4: 'rex' is of split 'val' here, of 'train' at row 3; name one.",
        "tags: classes 'Dog' and 'dog' differ in capitals alone; write one of them.",
        "tags: class 'a;b' holds ';' or '|', which separate names in labels.csv; rename it.",
        "tags: class 'new\\nline' cannot be printed; rename it.",
        "masks/nobody.png: bears no photograph's name; rename or remove it.",
    ]


def test_a_photograph_to_train_on_needs_a_class(my_photos):
    assert faults_of(my_photos, TOM, ("rex", (), "train")) == [
        "row 2: split 'train' needs a class; name one, or split 'test'."
    ]


def test_labels_of_nothing_to_train_on_are_a_fault(my_photos):
    assert faults_of(my_photos, ("rex", ("dog",), "val")) == [
        "tags: names no class of any photograph to train on."
    ]


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_headers_tell_sizes_and_which_photographs_are_unreadable(my_photos, content):
    (my_photos / "images/rex.jpg").write_bytes(content)
    data = surveyed(my_photos, TOM, REX, BOTH)

    both, rex, tom = look_at(data.records, data.classes, threads=2)

    assert (both.size, tom.size) == ((4, 6), (4, 6))
    assert rex.faults[0].startswith(f"{my_photos}/images/rex.jpg: ")


def test_every_mask_is_looked_at_as_the_index_will(my_photos):
    for name in ("rex", "tom"):
        Image.new("L", (6, 4), 7).save(my_photos / f"masks/{name}.png")
    data = surveyed(my_photos, TOM, ("rex", ("dog",), "val"), BOTH, masks=True)

    both, rex, tom = look_at(data.records, data.classes, threads=1)

    told = "value 7 is no class; allowed are 0 (background), 1 to 2 and 255 (unknown)."
    assert both.faults == ()
    assert rex.faults == (f"mask of image 'rex': {told}",)
    assert tom.faults == (f"mask of image 'tom': {told}",)
