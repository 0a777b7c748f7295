"""Photographs of any kind to masks, overlays and a summary."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from auxseg.config import PredictOptions
from auxseg.errors import UserError
from auxseg.photographs import segment_photographs
from auxseg.segmenter import Segmenter, load_segmenter
from tests.processes import auxseg, finished
from tests.unit.small_network import CLASSES, photograph, save_network


def three(folder: Path) -> dict[str, Path]:
    return {f"p{i}": photograph(folder / f"p{i}.png", seed=i) for i in range(3)}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def made_at(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def listed(folder: Path) -> list[dict]:
    return json.loads((folder / "segmentation.json").read_text())["photographs"]


@pytest.fixture
def segmenter(small_network) -> Segmenter:
    return load_segmenter(small_network)


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
def test_any_photograph_gets_a_mask_of_its_upright_size(segmenter, tmp_path, name, mode, save):
    size = (3, 2) if name == "tiny.png" else (90, 60)
    if "exif" in save:
        save["exif"][0x0112] = 6
    path = photograph(tmp_path / name, size, mode=mode, **save)

    segment_photographs(segmenter, {"mask": path}, tmp_path / "out")

    upright = size[::-1] if name == "lying.jpg" else size
    assert Image.open(tmp_path / "out/mask.png").size == upright
    assert Image.open(tmp_path / "out/mask_overlay.jpg").size == upright


def test_the_summary_counts_what_the_masks_show(segmenter, tmp_path):
    photographs = three(tmp_path)

    segment_photographs(segmenter, photographs, tmp_path / "out")

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


@pytest.mark.slow
def test_more_processes_find_the_same(small_network, tmp_path):
    photographs = three(tmp_path)
    segmenter = load_segmenter(small_network, use_crf=True)

    one = segment_photographs(segmenter, photographs, tmp_path / "one")
    two = segment_photographs(segmenter, photographs, tmp_path / "two", workers=2)

    assert one == two


def test_a_photograph_that_cannot_be_read_is_named_and_the_others_are_done(segmenter, tmp_path):
    photographs = {"good": photograph(tmp_path / "good.png"), "bad": tmp_path / "bad.jpg"}
    photographs["bad"].write_bytes(b"no picture")

    with pytest.raises(UserError, match=r"1 of 2 photographs were segmented.*\n.*bad.jpg: not an"):
        segment_photographs(segmenter, photographs, tmp_path / "out")

    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "good.png",
        "good_overlay.jpg",
        "segmentation.json",
    ]


def test_what_is_done_is_not_segmented_again_and_listed_as_before(segmenter, tmp_path):
    photographs, out = three(tmp_path), tmp_path / "out"
    segment_photographs(segmenter, photographs, out)
    before, whole = made_at(out), contents(out)
    (out / "segmentation.json").unlink()
    (out / "p1_overlay.jpg").unlink()
    (out / "p2.png").write_bytes(whole["p2.png"][:-40])

    segment_photographs(segmenter, photographs, out)

    assert contents(out) == whole
    after = made_at(out)
    assert {name for name in before if after[name] == before[name]} == {"p0.png", "p0_overlay.jpg"}


def test_an_overlay_of_another_making_does_not_stand_beside_a_mask(segmenter, tmp_path):
    photographs, out = three(tmp_path), tmp_path / "out"
    segment_photographs(segmenter, photographs, out)
    whole = contents(out)
    (out / "p1_overlay.jpg").write_bytes(whole["p2_overlay.jpg"])  # as if killed before its own

    segment_photographs(segmenter, photographs, out)

    assert contents(out) == whole


def test_a_corrected_mask_is_not_listed_as_the_networks(segmenter, tmp_path):
    photographs, out = three(tmp_path), tmp_path / "out"
    segment_photographs(segmenter, photographs, out)
    image = Image.open(out / "p0.png")
    text = PngInfo()
    text.add_text("auxseg-predict", image.info["auxseg-predict"])
    image.putpixel((3, 5), (image.getpixel((3, 5)) + 1) % len(CLASSES))
    image.save(out / "p0.png", pnginfo=text)

    segment_photographs(segmenter, {"p1": photographs["p1"]}, out)

    assert [told["mask"] for told in listed(out)] == ["p1.png", "p2.png"]


@pytest.mark.parametrize(
    "change",
    [
        {"multiscale": True},
        {"multiscale": True, "options": PredictOptions(flip=False)},
        {"use_crf": True},
        {"use_crf": True, "options": PredictOptions.model_validate({"crf": {"iterations": 3}})},
        {"longest_side": 64},
        {"options": PredictOptions(precision="bf16-mixed")},
    ],
    ids=["scales", "no mirror images", "crf", "its constants", "size", "precision"],
)
def test_other_settings_segment_again(small_network, segmenter, change):
    recipes = {segmenter.recipe, load_segmenter(small_network, longest_side=80).recipe}
    assert len(recipes) == 1  # 80 pixels are what it learnt on

    assert load_segmenter(small_network, **change).recipe not in recipes


def test_another_network_or_photograph_is_segmented_again(segmenter, tmp_path):
    photographs, out = three(tmp_path), tmp_path / "out"
    segment_photographs(segmenter, photographs, out)
    before = made_at(out)
    photograph(photographs["p1"], seed=9)

    segment_photographs(segmenter, photographs, out)

    after = made_at(out)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"p1.png", "p1_overlay.jpg", "segmentation.json"}
    other = load_segmenter(save_network(tmp_path / "other.safetensors", ("cat", "dog")))
    segment_photographs(other, photographs, out)
    assert all(after[name] != made_at(out)[name] for name in after)


def test_the_summary_keeps_what_earlier_calls_listed_as_long_as_its_mask_is_there(
    segmenter, tmp_path
):
    photographs, out = three(tmp_path), tmp_path / "out"
    segment_photographs(segmenter, photographs, out)
    whole = listed(out)

    segment_photographs(segmenter, {"p1": photographs["p1"]}, out)

    assert listed(out) == whole
    (out / "p0.png").unlink()
    segment_photographs(segmenter, {"p1": photographs["p1"]}, out)
    assert listed(out) == whole[1:]


def test_the_summary_forgets_a_mask_that_was_replaced_by_a_call_that_did_not_end(
    segmenter, tmp_path
):
    photographs, out = three(tmp_path), tmp_path / "out"
    segment_photographs(segmenter, photographs, out)
    summary = (out / "segmentation.json").read_bytes()
    photograph(photographs["p0"], seed=9)
    segment_photographs(segmenter, {"p0": photographs["p0"]}, out)
    (out / "segmentation.json").write_bytes(summary)  # as if killed before it was written

    segment_photographs(segmenter, {"p1": photographs["p1"]}, out)

    assert [told["mask"] for told in listed(out)] == ["p1.png", "p2.png"]


@pytest.mark.parametrize("content", ["", "[]", '{"classes": ["cat"]}', '{"version": 2}'])
def test_a_summary_of_others_is_refused_before_anything_is_done(segmenter, tmp_path, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/segmentation.json").write_text(content)

    with pytest.raises(UserError, match=r"out/segmentation\.json: not a summary .* move it away"):
        segment_photographs(segmenter, three(tmp_path), tmp_path / "out")

    assert len(contents(tmp_path / "out")) == 1


def test_masks_of_other_classes_are_not_mixed_into_one_summary(segmenter, tmp_path):
    photographs, out = three(tmp_path), tmp_path / "out"
    other = load_segmenter(save_network(tmp_path / "other.safetensors", ("cow", "hen")))
    segment_photographs(other, photographs, out)
    before = contents(out)

    with pytest.raises(UserError, match="masks of the classes cow, hen, but this network tells"):
        segment_photographs(segmenter, {"p0": photographs["p0"]}, out)

    assert contents(out) == before
    segment_photographs(segmenter, photographs, out)
    assert len(listed(out)) == 3


@pytest.mark.slow
def test_a_command_that_was_killed_goes_on(small_network, tmp_path):
    for number in range(40):
        photograph(tmp_path / f"photos/p{number:02}.jpg", (200, 150), seed=number)
    command = auxseg("predict", "--weights", small_network, "--threads", 1, "--tta")
    undisturbed = finished([*command, "--output", "whole", "photos"], tmp_path)
    assert undisturbed.returncode == 0, undisturbed.stderr
    out = tmp_path / "out"

    process = subprocess.Popen([*command, "--output", "out", "photos"], cwd=tmp_path)
    while len(list(out.glob("*.png"))) < 5:
        assert process.poll() is None
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = made_at(out)
    assert 5 <= len(list(out.glob("*.png"))) < 40
    again = finished([*command, "--output", "out", "photos"], tmp_path)

    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[:-1] == undisturbed.stdout.splitlines()[:-1]
    whole = contents(tmp_path / "whole")
    assert {name: contents(out)[name] for name in whole} == whole
    overlays = [name for name in before if name.endswith("_overlay.jpg")]
    kept = [n for name in overlays for n in (name, name.replace("_overlay.jpg", ".png"))]
    assert len(kept) >= 8
    assert all(made_at(out)[name] == before[name] for name in kept)
