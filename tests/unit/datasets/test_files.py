import shutil
from pathlib import Path

import pytest

from auxseg.config import IndexOptions
from auxseg.datasets.files import data_folders, folder_digest, label_files


def files_of(root: Path, dataset: str, **options) -> list[str]:
    """Paths below the root, of a data set whose every label file exists."""
    chosen = {"root": str(root), **options}
    found = label_files(IndexOptions.model_validate({"dataset": dataset, dataset: chosen}))
    return [file.relative_to(root).as_posix() for file in found]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The label files of every layout in one folder, beside others that decide on nothing."""
    for name in (
        "ImageSets/Segmentation/train.txt",
        "ImageSets/Segmentation/val.txt",
        "ImageSets/Segmentation/trainval.txt",
        "annotations/instances_train2014.json",
        "annotations/instances_val2014.json",
        "annotations/captions_val2014.json",
        "labels.csv",
        "other.csv",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


@pytest.mark.parametrize("labels", ["xml", "masks"])
def test_voc_is_decided_by_its_two_lists(root, labels):
    assert files_of(root, "voc", train_list="train", val_list="val", labels=labels) == [
        "ImageSets/Segmentation/train.txt",
        "ImageSets/Segmentation/val.txt",
    ]


def test_voc_with_a_label_table_is_decided_by_that_too(root):
    chosen = {"train_list": "train", "labels": "csv", "labels_csv": "other.csv"}

    assert files_of(root, "voc", **chosen) == [
        "ImageSets/Segmentation/train.txt",
        "ImageSets/Segmentation/val.txt",
        "other.csv",
    ]


def test_coco_is_decided_by_its_annotations(root):
    assert files_of(root, "coco") == [
        "annotations/instances_train2014.json",
        "annotations/instances_val2014.json",
    ]


def test_a_folder_is_decided_by_its_table(root):
    assert files_of(root, "folder") == ["labels.csv"]


def test_generated_scenes_are_decided_by_no_file(root):
    assert files_of(root, "shapes") == []


def test_options_of_data_sets_that_are_not_chosen_name_no_file(root):
    options = IndexOptions.model_validate(
        {"dataset": "shapes", "folder": {"root": str(root)}, "coco": {"root": str(root)}}
    )

    assert label_files(options) == []


def test_files_that_do_not_exist_are_left_out(root):
    (root / "ImageSets" / "Segmentation" / "train.txt").unlink()
    (root / "labels.csv").unlink()

    assert files_of(root, "voc", train_list="train", labels="csv") == [
        "ImageSets/Segmentation/val.txt"
    ]


def test_an_added_mask_changes_the_digest_and_a_copy_does_not(tmp_path):
    def digest(root):
        options = {"dataset": "folder", "folder": {"root": str(root)}}
        return folder_digest(data_folders(IndexOptions.model_validate(options)))

    (tmp_path / "a/images").mkdir(parents=True)
    (tmp_path / "a/images/x.jpg").write_bytes(b"photo")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    before = digest(tmp_path / "a")
    assert digest(tmp_path / "b") == before

    (tmp_path / "a/masks").mkdir()
    (tmp_path / "a/masks/x.png").write_bytes(b"mask")

    assert digest(tmp_path / "a") != before
