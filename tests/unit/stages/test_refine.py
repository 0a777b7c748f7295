"""The next labels, by a tiny network on tiny generated photographs."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from auxseg.config import RefineOptions
from auxseg.crf import saliency_crf
from auxseg.datasets.index_file import read_index
from auxseg.datasets.record import IGNORE
from auxseg.errors import UserError
from auxseg.nn.network import Outputs, normalise
from auxseg.nn.weights import load_network, save_weights
from auxseg.stages import refine
from auxseg.store import MapReader
from tests.unit.one_round import MODEL, RUNTIME, content, refine_round, train_round
from tests.unit.restated_views import mean_over_views, vivid_network

pytestmark = pytest.mark.slow


def test_labels_hold_only_the_images_own_classes(finished, tmp_path):
    refine_round(finished, tmp_path / "own", labels_from="segmentation")
    refine_round(finished, tmp_path / "both", labels_from="both")

    for name in ("round0", "round1"):
        shutil.copytree(finished / name, tmp_path / name)
    for folder in tmp_path.iterdir():
        with MapReader(folder / "labels.h5", "labels") as maps:
            for entry in read_index(finished / "index.h5").split("train"):
                allowed = {0, 255, *(np.flatnonzero(entry.labels) + 1)}
                label = maps.read(entry.id)
                assert label.shape == (entry.height, entry.width)
                assert set(np.unique(label)) <= allowed


def with_contrast(weights: Path, path: Path) -> Path:
    """A network whose affinity and saliency differ from place to place, as a trained one's do."""
    network, description = load_network(weights)
    with torch.no_grad():
        for branch in (network.segmentation, network.saliency):
            branch.affinity.theta.weight.mul_(300)
            branch.affinity.phi.weight.mul_(300)
        network.saliency.predict.weight.mul_(3000)
    save_weights(path, network, description)
    return path


def test_published_labels_and_saliency_are_those_of_the_method(finished, tmp_path):
    """docs/method.md, 4, restated for one photograph."""
    entry = read_index(finished / "index.h5").split("train")[0]
    own = np.flatnonzero(entry.labels)
    weights = with_contrast(finished / "round0/weights.safetensors", tmp_path / "w.safetensors")
    network, _ = load_network(weights)
    pixels = torch.from_numpy(entry.photograph().transpose(2, 0, 1).copy())[None]

    def full(maps: torch.Tensor) -> np.ndarray:
        return torch.nn.functional.interpolate(maps, size=entry.size, mode="bilinear")[0].numpy()

    with torch.inference_mode():
        outputs = network(normalise(pixels, network.backbone))
        cam = outputs.cam[:, own].clamp(min=0)
        cam = cam / (cam.amax(dim=(2, 3), keepdim=True) + 1e-5)
        propagated = torch.einsum("bij,bkj->bki", outputs.affinity.dense(), cam.flatten(2))
        evidence = full(propagated.reshape(cam.shape))
        networks = full(outputs.refined_saliency.sigmoid())[0]
    with MapReader(finished / "saliency.h5") as coarse:
        saliency = (networks + coarse.read(entry.id) / 255) / 2
    thresholds = {
        "cam_threshold": float(np.median(evidence.max(axis=0))),
        "saliency_threshold": float(np.median(saliency)),
    }
    found = evidence.max(axis=0) > thresholds["cam_threshold"]
    salient = saliency > thresholds["saliency_threshold"]
    named = np.where(found, own[evidence.argmax(axis=0)] + 1, 0)
    expected = np.where(found == salient, named, IGNORE)

    refine_round(finished, tmp_path, weights=weights, use_crf=False, **thresholds)

    with (
        MapReader(tmp_path / "labels.h5") as labels,
        MapReader(tmp_path / "saliency.h5") as refined,
    ):
        assert (labels.read(entry.id) == expected).mean() > 0.995
        assert np.abs(refined.read(entry.id) - 255 * saliency).max() < 1.01
    assert {0, IGNORE} < set(np.unique(expected))
    unpropagated = full(cam).max(axis=0) > thresholds["cam_threshold"]
    assert (unpropagated != found).mean() > 0.1  # the affinity is seen


@pytest.mark.parametrize(("scales", "flip"), [((1.0,), True), ((1.0, 1.5), False)])
def test_maps_are_averaged_over_scales_and_mirror_images(finished, tmp_path, scales, flip):
    index = read_index(finished / "index.h5")
    entry = index.split("train")[0]
    weights = vivid_network(tmp_path / "w.safetensors", index.classes)
    network, _ = load_network(weights)
    with MapReader(finished / "saliency.h5") as maps:
        coarse = maps.read(entry.id) / 255

    def restated(scales: tuple[float, ...], flip: bool) -> np.ndarray:
        def saliency(outputs: Outputs) -> torch.Tensor:
            return outputs.refined_saliency.sigmoid()

        maps = mean_over_views(network, entry, scales, flip, saliency, torch.nn.Identity())
        return (maps[0].numpy() + coarse) / 2

    expected, plain = restated(scales, flip), restated((1.0,), False)

    refine_round(finished, tmp_path, weights=weights, use_crf=False, scales=scales, flip=flip)

    with MapReader(tmp_path / "saliency.h5") as refined:
        assert np.abs(refined.read(entry.id) - 255 * expected).max() < 1.5
    assert np.abs(255 * (plain - expected)).max() > 5  # the averaging is seen


def test_the_crf_of_the_options_sharpens_the_saliency(finished, tmp_path):
    index = read_index(finished / "index.h5")
    weights = vivid_network(tmp_path / "w.safetensors", index.classes)
    for name, use_crf in (("plain", False), ("sharp", True)):
        refine_round(finished, tmp_path / name, weights=weights, use_crf=use_crf)
    sharpen = saliency_crf(RefineOptions().crf, torch.device("cpu"))

    with (
        MapReader(tmp_path / "plain/saliency.h5") as plain,
        MapReader(tmp_path / "sharp/saliency.h5") as sharp,
    ):
        for entry in index.split("train"):
            before = plain.read(entry.id)
            expected = sharpen(entry.photograph(), before.astype(np.float32) / 255)
            assert np.abs(sharp.read(entry.id) - 255 * expected).mean() < 2
            assert np.abs(sharp.read(entry.id).astype(float) - before).mean() > 5


def test_labels_from_segmentation_leave_out_the_improbable_and_the_saliency_as_it_is(
    finished, tmp_path
):
    every, sure = {"min_confidence": 0}, {"min_confidence": 0.9}
    refine_round(finished, tmp_path / "all", labels_from="segmentation", segmentation=every)
    refine_round(finished, tmp_path / "sure", labels_from="segmentation", segmentation=sure)

    with (
        MapReader(tmp_path / "all/labels.h5") as whole,
        MapReader(tmp_path / "sure/labels.h5") as some,
    ):
        for image_id in whole.ids():
            labels, kept = whole.read(image_id), some.read(image_id)
            assert (labels != IGNORE).all()
            assert (kept[kept != IGNORE] == labels[kept != IGNORE]).all()
        assert any((some.read(image_id) == IGNORE).any() for image_id in some.ids())
    assert content(tmp_path / "all/saliency.h5") == content(finished / "round1/saliency.h5")


def test_labels_from_both_are_those_of_the_cam_where_the_segmentation_agrees(finished, tmp_path):
    sure = {"saliency_share": 0, "min_confidence": 0, "use_crf": False}
    refine_round(finished, tmp_path / "own", labels_from="segmentation", segmentation=sure)
    refine_round(finished, tmp_path / "both", labels_from="both")

    with (
        MapReader(finished / "round1/labels.h5") as by_cam,
        MapReader(tmp_path / "own/labels.h5") as own,
        MapReader(tmp_path / "both/labels.h5") as both,
    ):
        for image_id in both.ids():
            cam, segmented = by_cam.read(image_id), own.read(image_id)
            expected = np.where(cam == segmented, cam, IGNORE)
            assert np.array_equal(both.read(image_id), expected)


def test_without_saliency_and_crf_the_segmentation_is_the_label(finished, tmp_path):
    options = {"saliency_share": 0, "min_confidence": 0, "use_crf": False}
    refine_round(finished, tmp_path, labels_from="segmentation", segmentation=options)

    entry = read_index(finished / "index.h5").split("train")[0]
    network, _ = load_network(finished / "round0/weights.safetensors")
    own = [0, *(np.flatnonzero(entry.labels) + 1)]
    pixels = torch.from_numpy(entry.photograph().transpose(2, 0, 1).copy())[None]
    with torch.inference_mode():
        logits = network(normalise(pixels, network.backbone)).refined_segmentation[:, own]
        full = torch.nn.functional.interpolate(logits, size=entry.size, mode="bilinear")
    expected = np.array(own)[full[0].argmax(dim=0).numpy()]
    with MapReader(tmp_path / "labels.h5") as maps:
        assert (maps.read(entry.id) == expected).mean() > 0.999


def test_a_network_without_classification_has_nothing_to_refine(finished, tmp_path):
    model = {**MODEL, "dense_channels": 8, "branches": "seg", "affinity": "none"}
    train_round(finished, tmp_path / "round0", model=model)

    with pytest.raises(UserError, match=r"has no CAMs to refine; .* or rounds to 1"):
        refine.run(
            RefineOptions(),
            index=finished / "index.h5",
            weights=tmp_path / "round0/weights.safetensors",
            saliency=finished / "saliency.h5",
            labels=tmp_path / "labels.h5",
            refined_saliency=tmp_path / "saliency.h5",
            runtime=RUNTIME,
        )
    assert not (tmp_path / "labels.h5").exists()


def test_a_refinement_killed_between_its_artifacts_is_completed(finished, tmp_path):
    refine_round(finished, tmp_path)
    whole = content(tmp_path / "labels.h5"), content(tmp_path / "saliency.h5")
    (tmp_path / "labels.h5").unlink()

    refine_round(finished, tmp_path)

    assert (content(tmp_path / "labels.h5"), content(tmp_path / "saliency.h5")) == whole


def test_maps_do_not_depend_on_the_number_of_processes(finished, tmp_path):
    refine_round(finished, tmp_path / "one", threads=1)

    for name in ("labels.h5", "saliency.h5"):
        assert content(tmp_path / "one" / name) == content(finished / "round1" / name)


def test_torchs_crf_refines_as_pydensecrf_does(finished, tmp_path):
    refine_round(finished, tmp_path, crf={"engine": "torch"})

    with (
        MapReader(tmp_path / "saliency.h5") as ours,
        MapReader(finished / "round1/saliency.h5") as theirs,
    ):
        for image_id in theirs.ids():
            difference = ours.read(image_id).astype(int) - theirs.read(image_id)
            assert np.abs(difference).max() <= 1
