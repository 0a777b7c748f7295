import pytest
from PIL import Image

from auxseg.config import parse_config
from auxseg.preflight import absent, lacking


def test_everything_named_that_is_not_there_is_told(tmp_path):
    config = parse_config(
        {
            "index": {"dataset": "folder", "folder": {"root": str(tmp_path / "photos")}},
            "model": {"weights": str(tmp_path / "w.pth")},
            "cam": {"source": "maps", "maps": str(tmp_path)},
        }
    )

    assert absent(config) == [
        f"index.folder.root: {tmp_path}/photos is not there",
        f"model.weights: {tmp_path}/w.pth is not there",
    ]


def test_photographs_and_masks_that_lie_elsewhere_are_looked_for(tmp_path):
    (tmp_path / "saliency").mkdir()
    chosen = {"root": str(tmp_path), "images": str(tmp_path), "masks": f"{tmp_path}/masks"}
    config = parse_config({"index": {"dataset": "folder", "folder": chosen}})

    assert absent(config) == [f"index.folder.masks: {tmp_path}/masks is not there"]


def test_a_run_is_stopped_by_what_its_own_stages_would_not_find(tmp_path):
    voc = {"dataset": "voc", "voc": {"root": str(tmp_path / "gone")}}
    config = parse_config({"index": voc, "model": {"weights": "nowhere.pth"}})

    assert "  - model.weights: nowhere.pth is not there" in str(lacking(config, {"classify"}))
    assert f"  - index.voc.root: {tmp_path}/gone is not there" in str(lacking(config, {"train"}))
    assert "model" not in str(lacking(config, {"train"}))
    assert lacking(config, {"seed", "evaluate", "report"}) is None
    packed = parse_config({"index": {**voc, "pack": True}})
    assert lacking(packed, {"train"}) is None
    assert lacking(packed, {"index"}) is not None


def test_what_is_not_used_may_be_absent(tmp_path):
    config = parse_config(
        {"cam": {"maps": "nowhere"}, "saliency": {"source": "u2netp", "maps": "nowhere"}}
    )

    assert absent(config) == []


MEND = "name a folder of maps, or set saliency.source to u2netp"


@pytest.mark.parametrize("dataset", ["voc", "coco"])
def test_a_data_set_that_brings_no_saliency_maps_is_told(tmp_path, dataset):
    index = {"dataset": dataset, dataset: {"root": str(tmp_path)}}

    assert absent(parse_config({"index": index})) == [
        f"saliency.maps: not set, and a data set of {dataset} has none; {MEND}"
    ]
    for saliency in ({"maps": str(tmp_path)}, {"source": "u2netp"}):
        assert absent(parse_config({"index": index, "saliency": saliency})) == []


def test_saliency_maps_that_are_not_beside_the_photographs_are_told(tmp_path):
    config = parse_config({"index": {"dataset": "folder", "folder": {"root": str(tmp_path)}}})

    assert absent(config) == [
        f"saliency.maps: not set, and {tmp_path}/saliency is not there; {MEND}"
    ]
    (tmp_path / "saliency").mkdir()
    assert absent(config) == []


def test_a_slip_in_the_labels_stops_a_run_that_would_index_them(tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (6, 4)).save(tmp_path / "images/tom.jpg")
    (tmp_path / "labels.csv").write_text("image,labels\ntom,cat\nrex,dog\n")
    folder = {"dataset": "folder", "folder": {"root": str(tmp_path)}}
    config = parse_config({"index": folder, "saliency": {"source": "u2netp"}})

    assert str(lacking(config, {"index"})).splitlines() == [
        "the run cannot start, and nothing was changed: 1 fault",
        f"  - {tmp_path}/labels.csv line 3: no photograph 'rex' in {tmp_path}/images; add it or "
        "remove the row.",
    ]
    assert lacking(config, {"saliency", "train"}) is None
    (tmp_path / "labels.csv").write_text("image,labels\ntom,cat\n")
    assert lacking(config, {"index"}) is None


def test_labels_that_are_doubtful_stop_the_run_where_the_index_would_refuse_them(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("tom", "rex"):
        Image.new("RGB", (6, 4)).save(tmp_path / f"images/{name}.jpg")
    (tmp_path / "labels.csv").write_text("image,labels,split\ntom,cat,train\nrex,dog,val\n")
    index = {"dataset": "folder", "folder": {"root": str(tmp_path)}}
    saliency = {"source": "u2netp"}

    strict = parse_config({"index": {**index, "doubtful_labels": "error"}, "saliency": saliency})
    assert "  - class 'dog' has no training photograph." in str(lacking(strict, {"index"}))
    assert lacking(parse_config({"index": index, "saliency": saliency}), {"index"}) is None


def test_a_fault_of_the_disk_is_told_in_a_sentence(tmp_path):
    lists = tmp_path / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    for folder in ("JPEGImages", "SegmentationClass"):
        (tmp_path / folder).mkdir()
    (lists / "train_aug.txt").write_text("n" * 300)
    (lists / "val.txt").write_text("")
    index = {"dataset": "voc", "voc": {"root": str(tmp_path), "labels": "masks"}}
    config = parse_config({"index": index, "saliency": {"source": "u2netp"}})

    assert ".png: File name too long" in str(lacking(config, {"index"}))


def test_a_table_that_is_none_stops_the_run_too(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels.csv").write_text("photo,what\n")
    folder = {"dataset": "folder", "folder": {"root": str(tmp_path)}}
    config = parse_config({"index": folder, "saliency": {"source": "u2netp"}})

    assert "labels.csv line 1: the header must be" in str(lacking(config, {"index"}))


def test_photographs_without_a_mask_stop_a_run_that_would_learn_from_masks(tmp_path):
    for name in ("images/tom", "images/rex", "masks/tom"):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (6, 4)).save(path)
    (tmp_path / "labels.csv").write_text("image,labels\ntom,cat\nrex,cat\n")
    folder = {"dataset": "folder", "folder": {"root": str(tmp_path)}}
    config = parse_config({"index": folder, "saliency": {"source": "u2netp"}})

    assert str(lacking(config, {"masks", "train"}, on_masks=True)).splitlines()[1:] == [
        "  - 1 of 2 training photographs have no true mask, such as 'rex'; add theirs, or leave "
        "them out of split train."
    ]
    assert lacking(config, {"index", "train"}) is None
    assert lacking(config, {"train"}, on_masks=True) is None  # which looks at masks.h5 itself
