"""Photographs of any kind to masks, overlays and a summary."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from auxseg.config import PredictOptions
from auxseg.datasets.palette import voc_palette
from auxseg.errors import UserError
from auxseg.nn.network import build_network, normalise
from auxseg.nn.weights import load_network, save_weights
from auxseg.photographs import find_photographs, segment_photographs
from auxseg.segmenter import load_segmenter

MODEL = {
    "backbone": "test_efficientnet",
    "dense_channels": 8,
    "affinity": "none",
    "freeze_batch_norm": False,
}
CLASSES = ("cat", "dog", "horse")


def noise(size: tuple[int, int] = (72, 56), seed: int = 0) -> Image.Image:
    """A picture of coarse noise; size is (width, height)."""
    values = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(values).resize(size)


def photograph(path: Path, size: tuple[int, int] = (72, 56), seed: int = 0, mode="RGB", **save):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise(size, seed).convert(mode).save(path, **save)
    return path


def tensor(*images: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.asarray(i) for i in images]).transpose(0, 3, 1, 2).copy())


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network that tells pixels apart, and learnt on photographs of 80 pixels, it says."""
    torch.manual_seed(0)
    network = build_network(num_classes=len(CLASSES), **MODEL).train()
    with torch.no_grad():
        for _ in range(30):  # settles batch norm
            network(normalise(tensor(*(noise(seed=s) for s in range(8))), network.backbone))
    path = tmp_path_factory.mktemp("network") / "weights.safetensors"
    description = {
        "kind": "network",
        "classes": CLASSES,
        "palette": voc_palette(len(CLASSES) + 1),
        "longest_side": 80,
        "model": MODEL,
    }
    save_weights(path, network, description)
    return path


def test_a_photograph_is_labelled_with_the_most_probable_class_of_the_refined_segmentation(
    weights,
):
    network, _ = load_network(weights)
    with torch.no_grad():
        logits = network(normalise(tensor(noise()), network.backbone)).refined_segmentation
    enlarged = F.interpolate(logits, size=(56, 72), mode="bilinear", align_corners=False)

    expected = enlarged.softmax(dim=1).argmax(dim=1)[0].numpy()
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(load_segmenter(weights)(np.asarray(noise())), expected)


def test_the_network_sees_a_larger_photograph_at_the_size_it_learnt_on(weights):
    image = np.asarray(noise((320, 160)))

    small, probabilities = load_segmenter(weights).probabilities(image)

    assert small.shape == (40, 80, 3)
    assert probabilities.shape == (4, 40, 80)
    assert load_segmenter(weights)(image).shape == (160, 320)
    assert load_segmenter(weights, longest_side=160).probabilities(image)[0].shape == (80, 160, 3)


def test_scales_mirror_images_and_the_crf_are_used_where_asked_for(weights):
    image = np.asarray(noise())
    options = PredictOptions(scales=(1.0, 1.5))

    plain = load_segmenter(weights, options)
    averaged = load_segmenter(weights, options, multiscale=True)
    sharpened = load_segmenter(weights, options, use_crf=True)

    maps = averaged.probabilities(image)[1]
    mirrored = averaged.probabilities(image[:, ::-1])[1][..., ::-1]
    np.testing.assert_allclose(maps, mirrored, atol=1e-5)
    assert np.abs(plain.probabilities(image)[1] - maps).max() > 1e-3
    assert (sharpened(image) != plain(image)).any()


@pytest.mark.parametrize(
    ("name", "mode", "save"),
    [
        ("grey.jpg", "L", {}),
        ("transparent.png", "RGBA", {}),
        ("palette.gif", "P", {}),
        ("printed.tif", "CMYK", {}),
        ("lying.jpg", "RGB", {"exif": Image.Exif()}),
        ("tiny.png", "RGB", {}),
    ],
)
def test_any_photograph_gets_a_mask_of_its_upright_size(weights, tmp_path, name, mode, save):
    size = (3, 2) if name == "tiny.png" else (90, 60)
    if "exif" in save:
        save["exif"][0x0112] = 6
    path = photograph(tmp_path / name, size, mode=mode, **save)

    segment_photographs(load_segmenter(weights), {"mask": path}, tmp_path / "out")

    upright = size[::-1] if name == "lying.jpg" else size
    assert Image.open(tmp_path / "out/mask.png").size == upright
    assert Image.open(tmp_path / "out/mask_overlay.jpg").size == upright


def test_the_summary_counts_what_the_masks_show(weights, tmp_path):
    photographs = {f"p{i}": photograph(tmp_path / f"p{i}.png", seed=i) for i in range(3)}

    segment_photographs(load_segmenter(weights), photographs, tmp_path / "out")

    summary = json.loads((tmp_path / "out/segmentation.json").read_text())
    assert summary["classes"] == ["background", *CLASSES]
    for name, told in zip(photographs, summary["photographs"], strict=True):
        mask = Image.open(tmp_path / "out" / told["mask"])
        assert mask.mode == "P"
        values = np.asarray(mask)
        assert told["photograph"] == str(photographs[name])
        assert (told["height"], told["width"]) == values.shape
        counted = {int(v): int((values == v).sum()) for v in np.unique(values) if v}
        assert {c["index"]: c["pixels"] for c in told["found"]} == counted
        assert all(c["class"] == CLASSES[c["index"] - 1] for c in told["found"])
        assert all(c["share"] == round(c["pixels"] / values.size, 4) for c in told["found"])


def test_an_overlay_takes_no_photographs_place(tmp_path):
    photographs = [photograph(tmp_path / name) for name in ("a.jpg", "a_overlay.jpg")]

    with pytest.raises(UserError, match=r"a_overlay\.jpg: a result would take its place"):
        find_photographs(photographs, tmp_path)


@pytest.mark.slow
def test_more_processes_find_the_same(weights, tmp_path):
    photographs = {f"p{i}": photograph(tmp_path / f"p{i}.png", seed=i) for i in range(3)}
    segmenter = load_segmenter(weights, use_crf=True)

    one = segment_photographs(segmenter, photographs, tmp_path / "one")
    two = segment_photographs(segmenter, photographs, tmp_path / "two", workers=2)

    assert one == two


def test_a_photograph_that_cannot_be_read_is_named_and_the_others_are_done(weights, tmp_path):
    photographs = {"good": photograph(tmp_path / "good.png"), "bad": tmp_path / "bad.jpg"}
    photographs["bad"].write_bytes(b"no picture")

    with pytest.raises(UserError, match=r"1 of 2 photographs were segmented.*\n.*bad.jpg: not an"):
        segment_photographs(load_segmenter(weights), photographs, tmp_path / "out")

    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "good.png",
        "good_overlay.jpg",
        "segmentation.json",
    ]


def test_folders_are_searched_and_their_results_are_not_segmented_again(tmp_path):
    names = ("a.jpg", "deep/b.png", "out/a.png")
    a, b, _ = (photograph(tmp_path / "photos" / name) for name in names)
    single = photograph(tmp_path / "c.webp")
    (tmp_path / "photos/notes.txt").write_text("no photograph")

    found = find_photographs([tmp_path / "photos", single], tmp_path / "photos/out")

    assert found == {"a": a, "deep/b": b, "c": single}


def test_what_cannot_be_segmented_is_told_all_at_once(tmp_path):
    (tmp_path / "empty").mkdir()
    one = photograph(tmp_path / "one/a.jpg")
    other = photograph(tmp_path / "other/a.jpg")
    inside = photograph(tmp_path / "out/b.png")

    with pytest.raises(UserError) as told:
        find_photographs(
            [tmp_path / "no.jpg", tmp_path / "empty", one, other, inside], tmp_path / "out"
        )

    assert str(told.value).splitlines() == [
        "photographs to segment: 4 faults",
        f"  - {tmp_path}/no.jpg: no such file or folder.",
        f"  - {tmp_path}/empty: holds no photograph (.jpg, .jpeg, .png, .bmp, .tif, .tiff, .webp).",
        f"  - {other}: {one} would have the same a.png; rename one.",
        f"  - {inside}: a result would take its place; name another --output.",
    ]


def test_the_readmes_python_segments_a_photograph(weights, tmp_path, monkeypatch):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    code = next(part for part in readme.split("```python\n") if "load_segmenter" in part)
    photograph(tmp_path / "photo.jpg")
    (tmp_path / "results/mine/round2").mkdir(parents=True)
    (tmp_path / "results/mine/round2/weights.safetensors").symlink_to(weights)
    monkeypatch.chdir(tmp_path)

    *statements, last = code.split("```")[0].strip().splitlines()
    names: dict = {}
    exec("\n".join(statements), names)

    label = eval(last, names)
    assert (label.shape, label.dtype) == ((56, 72), np.uint8)


@pytest.mark.slow
def test_the_command_says_what_each_photograph_shows(weights, tmp_path):
    path = photograph(tmp_path / "a.png")
    command = [sys.executable, "-m", "auxseg.cli", "predict", "--weights", str(weights)]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "out"), "--threads", "1", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )

    values = np.asarray(Image.open(tmp_path / "out/a.png"))
    shares = [(CLASSES[v - 1], (values == v).mean()) for v in np.unique(values) if v]
    shown = ", ".join(f"{name} {share:.0%}" for name, share in shares)
    assert done.stdout.splitlines() == [
        f"{path}: {shown}",
        f"masks, overlays and segmentation.json: {tmp_path}/out",
    ]
