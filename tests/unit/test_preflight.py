from auxseg.config import parse_config
from auxseg.preflight import absent


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
    chosen = {"root": str(tmp_path), "images": str(tmp_path), "masks": f"{tmp_path}/masks"}
    config = parse_config({"index": {"dataset": "folder", "folder": chosen}})

    assert absent(config) == [f"index.folder.masks: {tmp_path}/masks is not there"]


def test_what_is_not_used_may_be_absent(tmp_path):
    config = parse_config(
        {"cam": {"maps": "nowhere"}, "saliency": {"source": "u2netp", "maps": "nowhere"}}
    )

    assert absent(config) == []
