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


def test_what_is_not_used_may_be_absent(tmp_path):
    config = parse_config(
        {"cam": {"maps": "nowhere"}, "saliency": {"source": "u2netp", "maps": "nowhere"}}
    )

    assert absent(config) == []
