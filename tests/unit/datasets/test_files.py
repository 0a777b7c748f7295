import shutil
from pathlib import Path

import pytest

from auxseg.config import IndexOptions
from auxseg.datasets.files import data_folders, folder_digest, label_files, mask_folders


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


def options_of(root: Path, dataset: str = "folder", **options) -> IndexOptions:
    chosen = {"root": str(root), **options}
    return IndexOptions.model_validate({"dataset": dataset, dataset: chosen})


def add(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_a_copied_data_set_has_the_same_digest_and_one_with_another_photograph_not(tmp_path):
    def digest(name: str) -> str:
        return folder_digest(data_folders(options_of(tmp_path / name)))

    add(tmp_path / "a/images/x.jpg", b"photo")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert digest("a") == digest("b")

    add(tmp_path / "b/images/y.jpg", b"photo")

    assert digest("a") != digest("b")


@pytest.mark.parametrize(
    ("dataset", "mask", "options"),
    [
        ("folder", "masks/x.png", {}),
        ("voc", "SegmentationClass/x.png", {"labels": "xml"}),
    ],
)
def test_a_true_mask_decides_on_no_more_than_the_masks(tmp_path, dataset, mask, options):
    def digests() -> tuple[str, str]:
        chosen = options_of(tmp_path, dataset, **options)
        return folder_digest(data_folders(chosen)), folder_digest(mask_folders(chosen))

    before = digests()
    add(tmp_path / mask, b"mask")
    after = digests()

    assert after[0] == before[0]
    assert after[1] != before[1]


def test_photographs_and_masks_of_a_folder_may_lie_elsewhere(tmp_path):
    chosen = options_of(tmp_path / "mine", images=f"{tmp_path}/photos", masks=f"{tmp_path}/truth")

    assert data_folders(chosen) == [tmp_path / "photos", tmp_path / "mine/saliency"]
    assert mask_folders(chosen) == [tmp_path / "truth"]


def test_a_true_mask_decides_on_labels_that_are_taken_from_it(tmp_path):
    chosen = options_of(tmp_path, "voc", labels="masks")
    before = folder_digest(data_folders(chosen))

    add(tmp_path / "SegmentationClass/x.png", b"mask")

    assert folder_digest(data_folders(chosen)) != before


def test_a_mended_annotation_of_the_same_length_changes_the_digest(tmp_path):
    chosen = options_of(tmp_path, "voc", labels="xml")
    add(tmp_path / "Annotations/x.xml", b"<name>cat</name>")
    before = folder_digest(data_folders(chosen))

    add(tmp_path / "Annotations/x.xml", b"<name>dog</name>")

    assert folder_digest(data_folders(chosen)) != before


@pytest.mark.parametrize("suffix", [".npy", ".h5", ".bmp"])
def test_an_array_of_the_same_size_and_other_values_changes_the_digest(tmp_path, suffix):
    add(tmp_path / f"maps/x{suffix}", bytes(10**6))
    before = folder_digest([tmp_path / "maps"])

    add(tmp_path / f"maps/x{suffix}", bytes(5 * 10**5) + b"1" + bytes(5 * 10**5 - 1))

    assert folder_digest([tmp_path / "maps"]) != before


@pytest.mark.parametrize("left", [".DS_Store", "Thumbs.db", ".hidden/y.jpg", "segmentation.json"])
def test_what_is_no_part_of_a_data_set_changes_no_digest(tmp_path, left):
    add(tmp_path / "images/x.jpg", b"photo")
    before = folder_digest([tmp_path / "images"])

    add(tmp_path / "images" / left, b"left by a system")

    assert folder_digest([tmp_path / "images"]) == before


def test_a_link_that_leads_nowhere_is_no_obstacle(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/x.jpg").symlink_to(tmp_path / "gone.jpg")

    assert folder_digest(data_folders(options_of(tmp_path)))


def test_a_link_counts_as_what_it_leads_to(tmp_path):
    add(tmp_path / "elsewhere.jpg", b"one")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/x.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    before = folder_digest([tmp_path / "images"])

    add(tmp_path / "elsewhere.jpg", b"another")

    assert folder_digest([tmp_path / "images"]) != before
