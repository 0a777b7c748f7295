import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from auxseg.config import VocOptions
from auxseg.datasets import voc
from auxseg.datasets.record import Dataset
from auxseg.errors import UserError
from auxseg.images import read_mask

CAT, DOG, PERSON = 8, 12, 15


def load(root: Path, **options) -> Dataset:
    return voc.load(VocOptions(**{"root": str(root), "train_list": "train", **options}))


def faults_of(root: Path, **options) -> list[str]:
    """The faults, without the temporary folder's name."""
    return [fault.replace(f"{root}/", "") for fault in load(root, **options).faults]


def write_list(root: Path, name: str, *ids: str) -> None:
    folder = root / "ImageSets" / "Segmentation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text("".join(f"{i}\n" for i in ids))


def write_xml(root: Path, name: str, *classes: str) -> None:
    (root / "Annotations").mkdir(exist_ok=True)
    objects = "".join(
        f"<object><name>{c}</name><part><name>head</name></part></object>" for c in classes
    )
    (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")


@pytest.fixture
def devkit(tmp_path: Path) -> Path:
    """Three images, 4 x 2 pixels: a cat and a person, a dog, and for evaluation a cat."""
    root = tmp_path / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass"):
        (root / folder).mkdir(parents=True)
    content = {
        "2007_01": [("cat", "person"), [[0, CAT, CAT, 255], [0, 0, PERSON, PERSON]]],
        "2007_02": [("dog", "dog"), [[DOG, DOG, DOG, 0], [0, 0, 0, 0]]],
        "2007_03": [("cat",), [[0, 0, 0, 0], [0, CAT, CAT, 0]]],
    }
    for name, (classes, mask) in content.items():
        Image.new("RGB", (4, 2)).save(root / "JPEGImages" / f"{name}.jpg")
        pixels = np.array(mask, dtype=np.uint8)
        Image.fromarray(pixels).save(root / "SegmentationClass" / f"{name}.png")
        write_xml(root, name, *classes)
    rows = "2007_01,person cat\n2007_02,dog\n2007_03,cat\n"
    (root / "labels.csv").write_text("image,classes\n" + rows)
    write_list(root, "train", "2007_01", "2007_02")
    write_list(root, "val", "2007_03")
    return root


@pytest.mark.parametrize("labels", ["xml", "csv", "masks"])
def test_every_source_of_labels_tells_the_same(devkit, labels):
    data = load(devkit, labels=labels)

    assert data.faults == ()
    assert len(data.classes) == 20
    assert [(r.id, r.split, r.labels) for r in data.records] == [
        ("2007_01", "train", (CAT - 1, PERSON - 1)),
        ("2007_02", "train", (DOG - 1,)),
        ("2007_03", "val", (CAT - 1,)),
    ]


def test_chosen_classes_are_renumbered_and_all_others_ignored(devkit):
    write_list(devkit, "train", "2007_01")
    data = load(devkit, classes=("person", "dog"))

    assert data.palette == ((0, 0, 0), (192, 128, 128), (64, 0, 128))
    assert data.records[0].labels == (0,)
    assert data.records[0].mask().tolist() == [[0, 255, 255, 255], [0, 0, 1, 1]]


def test_masks_of_the_augmented_set_are_read_where_voc_has_none(devkit):
    (devkit / "SegmentationClassAug").mkdir()
    mask = np.full((2, 4), DOG, dtype=np.uint8)
    for name in ("2007_01", "2007_02"):
        Image.fromarray(mask).save(devkit / "SegmentationClassAug" / f"{name}.png")
    (devkit / "SegmentationClass" / "2007_02.png").unlink()

    first, second, _ = load(devkit).records

    assert (second.mask() == DOG).all()
    assert (first.mask() == CAT).sum() == 2


def test_an_image_without_a_mask_has_none(devkit):
    (devkit / "SegmentationClass" / "2007_02.png").unlink()

    assert load(devkit).records[1].mask is None
    assert faults_of(devkit, labels="masks") == [
        "SegmentationClass/2007_02.png: no such file; add it or set index.voc.labels to another "
        "source. (ImageSets/Segmentation/train.txt line 2)"
    ]


def test_lists_of_paths_are_read_as_lists_of_ids(devkit):
    write_list(devkit, "train", "/JPEGImages/2007_01.jpg /SegmentationClassAug/2007_01.png")

    assert [r.id for r in load(devkit).records] == ["2007_01", "2007_03"]


def test_lists_saved_on_windows_are_read(devkit):
    path = devkit / "ImageSets" / "Segmentation" / "train.txt"
    path.write_bytes(b"\xef\xbb\xbf2007_01\r\n\r\n2007_02\r\n")

    assert [r.id for r in load(devkit).records] == ["2007_01", "2007_02", "2007_03"]


def test_training_images_without_a_chosen_class_are_faults(devkit):
    assert faults_of(devkit, classes=("cat",)) == [
        "ImageSets/Segmentation/train.txt line 2: '2007_02' has none of the chosen classes; remove "
        "the line."
    ]


def test_repeated_images_are_faults_in_one_list_and_across_both(devkit):
    write_list(devkit, "train", "2007_01", "2007_02", "2007_01")
    write_list(devkit, "val", "2007_02")

    assert faults_of(devkit) == [
        "ImageSets/Segmentation/train.txt line 3: '2007_01' stands in "
        "ImageSets/Segmentation/train.txt line 1 too; remove one.",
        "ImageSets/Segmentation/val.txt line 1: '2007_02' stands in "
        "ImageSets/Segmentation/train.txt line 2 too; remove one.",
    ]


def test_an_empty_list_is_a_fault(devkit):
    write_list(devkit, "val")

    assert faults_of(devkit) == [
        "ImageSets/Segmentation/val.txt: the list of split 'val' is empty; name an image a line."
    ]


def test_faults_of_the_label_table_name_its_lines(devkit):
    rows = "2007_01,person cta\n2007_03,cat\n2007_03,dog\n"
    (devkit / "labels.csv").write_text("image,classes\n" + rows)

    assert faults_of(devkit, labels="csv") == [
        "labels.csv line 2: unknown class 'cta' (did you mean 'cat'?)",
        "labels.csv line 4: '2007_03' stands there twice; remove one.",
        "labels.csv: no row of image '2007_02'; add one. (ImageSets/Segmentation/train.txt line 2)",
    ]


def test_faults_of_annotations_name_their_files(devkit):
    write_xml(devkit, "2007_01", "hrose")
    (devkit / "Annotations" / "2007_02.xml").write_text("<annotation>")
    (devkit / "Annotations" / "2007_03.xml").unlink()

    first, second, third = faults_of(devkit)

    assert first.startswith(
        "Annotations/2007_01.xml: unknown class 'hrose' (did you mean 'horse'?)"
    )
    assert second.startswith("Annotations/2007_02.xml: not XML (no element found")
    assert third.startswith("Annotations/2007_03.xml: no such file; add it or set index.voc.labels")


def test_annotations_of_other_encodings_and_folders_are_told(devkit):
    text = '<?xml version="1.0" encoding="gb2312"?><annotation/>'
    (devkit / "Annotations" / "2007_01.xml").write_text(text)
    (devkit / "Annotations" / "2007_02.xml").unlink()
    (devkit / "Annotations" / "2007_02.xml").mkdir()

    first, second, *_ = faults_of(devkit)

    assert first.startswith("Annotations/2007_01.xml: not XML in UTF-8 (multi-byte encodings")
    assert second.startswith("Annotations/2007_02.xml: not XML in UTF-8 (")


@pytest.mark.parametrize("value", [21, 254])
def test_a_mask_with_an_index_beyond_voc_is_refused(devkit, value):
    mask = np.full((2, 4), value, dtype=np.uint8)
    Image.fromarray(mask).save(devkit / "SegmentationClass" / "2007_01.png")

    with pytest.raises(
        UserError, match=rf"2007_01\.png: value {value} is not an index of VOC's classes"
    ):
        load(devkit).records[0].mask()


def test_an_unknown_chosen_class_is_refused_with_a_suggestion(devkit):
    with pytest.raises(
        UserError,
        match=r"^index\.voc\.classes: unknown class 'hrose' \(did you mean 'horse'\?\)$",
    ):
        load(devkit, classes=("cat", "hrose"))


@pytest.mark.parametrize("classes", [(), ("cat", "cat")])
def test_no_class_and_a_repeated_class_are_refused(devkit, classes):
    with pytest.raises(UserError, match=r"^index\.voc\.classes: "):
        load(devkit, classes=classes)


def test_a_missing_list_is_named_with_those_that_are_there(devkit):
    with pytest.raises(
        UserError, match=r"train_aug\.txt: no such file; beside it: train\.txt, val\.txt\."
    ):
        load(devkit, train_list="train_aug")


def test_no_more_than_eight_lists_are_named(devkit):
    for number in range(20):
        write_list(devkit, f"list{number:02d}", "2007_01")

    with pytest.raises(UserError, match=r"list00\.txt, .*, list07\.txt\.$"):
        load(devkit, train_list="train_aug")


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(UserError, match=r"JPEGImages: no such folder; index\.voc\.root"):
        load(tmp_path)


def test_real_photographs_have_the_published_counts_and_masks(voc_animals):
    animals = ("cat", "cow", "dog", "horse", "person", "sheep")
    data = load(
        voc_animals, train_list="mini_train", val_list="mini_val", labels="csv", classes=animals
    )

    assert data.faults == ()
    assert [sum(r.split == s for r in data.records) for s in ("train", "val")] == [259, 90]
    for record in data.records[::40]:
        raw = read_mask(voc_animals / "SegmentationClass" / f"{record.id}.png")
        expected = {0: 0, 255: 255, 8: 1, 10: 2, 12: 3, 13: 4, 15: 5, 17: 6}
        assert np.array_equal(record.mask(), np.vectorize(expected.get)(raw))


def test_images_of_the_test_list_need_neither_labels_nor_masks(devkit):
    Image.new("RGB", (4, 2)).save(devkit / "JPEGImages" / "2008_01.jpg")
    write_list(devkit, "test", "2008_01")

    data = load(devkit, test_list="test")

    assert data.faults == ()
    last = data.records[-1]
    assert (last.id, last.split, last.labels, last.mask) == ("2008_01", "test", (), None)


@pytest.mark.parametrize("separator", [" ", ", ", ";", "|"])
def test_classes_of_a_label_table_are_separated_as_in_other_tables(devkit, separator):
    rows = f'2007_01,"person{separator}cat"\n2007_02,dog\n2007_03,cat\n'
    (devkit / "labels.csv").write_text("image,classes\n" + rows)

    assert load(devkit, labels="csv").records[0].labels == (CAT - 1, PERSON - 1)


@pytest.mark.parametrize(("listed", "labelled"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_a_csv_may_write_the_accents_of_an_image_otherwise_than_the_list(devkit, listed, labelled):
    in_list, in_csv = (unicodedata.normalize(form, "café") for form in (listed, labelled))
    (devkit / "JPEGImages/2007_01.jpg").rename(devkit / f"JPEGImages/{in_list}.jpg")
    write_list(devkit, "train", in_list, "2007_02")
    rows = f"{in_csv},person cat\n2007_02,dog\n2007_03,cat\n"
    (devkit / "labels.csv").write_text("image,classes\n" + rows)

    assert faults_of(devkit, labels="csv") == []
