"""classify, cam, train, refine and predict on a tiny network and tiny generated photographs."""

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors import safe_open

from auxseg.config import (
    CamOptions,
    ClassifyJob,
    PredictOptions,
    RefineOptions,
    SeedOptions,
    TrainJob,
)
from auxseg.datasets.index_file import read_index
from auxseg.datasets.record import IGNORE
from auxseg.description import read_description
from auxseg.errors import UserError
from auxseg.nn.network import normalise
from auxseg.nn.weights import load_network, save_weights
from auxseg.runtime import Runtime
from auxseg.stages import cam, classify, predict, refine, seed, train
from auxseg.store import MapReader

pytestmark = pytest.mark.slow

MODEL = {"backbone": "test_efficientnet", "weights": "none", "freeze_batch_norm": False}
TRAINING = {"epochs": 1, "batch_size": 4, "crop_size": 48}
RUNTIME = Runtime(threads=2)


@pytest.fixture(scope="module")
def finished(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny run after one round; read only."""
    folder = tmp_path_factory.mktemp("finished")
    for artifact in tiny_run.glob("*.h5"):
        shutil.copy(artifact, folder)
    weights = folder / "classifier/weights.safetensors"
    job = ClassifyJob(**TRAINING, model=MODEL)
    classify.run(
        job,
        index=folder / "index.h5",
        weights=weights,
        history=folder / "classifier/history.csv",
        runtime=RUNTIME,
    )
    cam.run(
        CamOptions(scales=(1.0,)),
        index=folder / "index.h5",
        weights=weights,
        cam=folder / "cam.h5",
        runtime=RUNTIME,
    )
    seed.run(
        SeedOptions(),
        index=folder / "index.h5",
        cam=folder / "cam.h5",
        saliency=folder / "saliency.h5",
        labels=folder / "round0/labels.h5",
    )
    train_round(folder, folder / "round0")
    refine_round(folder, folder / "round1")
    predict_round(folder, folder / "round0/predictions.h5")
    return folder


def train_round(folder: Path, out: Path, start: Path | None = None, **options) -> None:
    job = {**TRAINING, "model": {**MODEL, "dense_channels": 8}, **options}
    masks = {"masks": folder / "masks.h5"} if options.get("labels") == "masks" else {}
    train.run(
        TrainJob.model_validate(job),
        index=folder / "index.h5",
        labels=folder / "round0/labels.h5",
        saliency=folder / "saliency.h5",
        initial_weights=start or folder / "classifier/weights.safetensors",
        weights=out / "weights.safetensors",
        history=out / "history.csv",
        runtime=RUNTIME,
        **masks,
    )


def refine_round(folder: Path, out: Path, threads: int = 2, **options) -> None:
    refine.run(
        RefineOptions(**options),
        index=folder / "index.h5",
        weights=folder / "round0/weights.safetensors",
        saliency=folder / "saliency.h5",
        labels=out / "labels.h5",
        refined_saliency=out / "saliency.h5",
        runtime=Runtime(threads),
    )


def predict_round(folder: Path, out: Path, threads: int = 2, **options) -> None:
    predict.run(
        PredictOptions(**options),
        index=folder / "index.h5",
        weights=folder / "round0/weights.safetensors",
        predictions=out,
        runtime=Runtime(threads),
    )


def content(path: Path) -> str:
    with h5py.File(path) as file:
        return str(file.attrs["content"])


def tensors(path: Path) -> dict[str, np.ndarray]:
    with safe_open(path, framework="np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def same(first: Path, second: Path) -> bool:
    a, b = tensors(first), tensors(second)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_cams_are_kept_for_the_present_classes_at_a_quarter_of_the_size(finished):
    entries = read_index(finished / "index.h5").split("train")

    with MapReader(finished / "cam.h5", "cam") as maps:
        for entry in entries:
            values = maps.read(entry.id)
            assert values.dtype == np.float16
            assert values.shape[1:] == (-(-entry.height // 4), -(-entry.width // 4))
            classes = maps.map_attributes(entry.id)["classes"]
            assert classes == np.flatnonzero(entry.labels).tolist()
            assert len(values) == len(classes)
            assert 0 <= values.min() <= values.max() <= 1


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


def test_refined_saliency_lies_between_the_coarse_one_and_the_networks(finished, tmp_path):
    refine_round(finished, tmp_path, use_crf=False)

    with (
        MapReader(finished / "saliency.h5") as coarse,
        MapReader(tmp_path / "saliency.h5") as refined,
    ):
        for image_id in coarse.ids():
            network = refined.read(image_id) * 2.0 - coarse.read(image_id)
            assert -1 <= network.min() <= network.max() <= 256


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


def test_predictions_have_three_variants_of_the_evaluation_split(finished):
    index = read_index(finished / "index.h5")

    with MapReader(finished / "round0/predictions.h5", "predictions") as maps:
        assert maps.attributes["variants"] == ["single", "multiscale", "multiscale+crf"]
        assert maps.attributes["split"] == "val"
        assert maps.ids() == sorted(entry.id for entry in index.split("val"))
        for entry in index.split("val"):
            values = maps.read(entry.id)
            assert values.shape == (3, entry.height, entry.width)
            assert values.max() <= len(index.classes)


def test_known_classes_are_told_apart_in_every_labelled_image_and_no_others(finished, tmp_path):
    predict.run(
        PredictOptions(scales=(1.0,), use_crf=True),
        index=finished / "index.h5",
        weights=finished / "round0/weights.safetensors",
        predictions=tmp_path / "p.h5",
        runtime=Runtime(2),
        known_classes=True,
    )

    entries = read_index(finished / "index.h5").entries
    with MapReader(tmp_path / "p.h5") as maps:
        assert maps.ids() == sorted(entry.id for entry in entries)
        for entry in entries:
            own = {0, *(np.flatnonzero(entry.labels) + 1)}
            assert set(np.unique(maps.read(entry.id))) <= own


def planes_where_all_is_salient(finished: Path, folder: Path, share: float, known: bool) -> list:
    """All predictions of a network that takes everything for salient."""
    network, description = load_network(finished / "round0/weights.safetensors")
    with torch.no_grad():
        network.saliency.decode.bias.fill_(1.0)
        network.saliency.predict.weight.fill_(100.0)
    save_weights(folder / "w.safetensors", network, description)
    predict.run(
        PredictOptions(scales=(1.0,), use_crf=False, saliency_share=share),
        index=finished / "index.h5",
        weights=folder / "w.safetensors",
        predictions=folder / "p.h5",
        runtime=Runtime(2),
        known_classes=known,
    )
    with MapReader(folder / "p.h5") as maps:
        return [values for _, values in maps.items()]


def test_saliency_tells_objects_of_known_classes_from_the_background(finished, tmp_path):
    by_saliency = planes_where_all_is_salient(finished, tmp_path, 1.0, known=True)

    assert all((planes > 0).all() for planes in by_saliency)


def test_saliency_has_no_say_where_the_classes_are_not_known(finished, tmp_path):
    without = planes_where_all_is_salient(finished, tmp_path, 0.0, known=False)
    with_it = planes_where_all_is_salient(finished, tmp_path, 1.0, known=False)

    assert all(np.array_equal(a, b) for a, b in zip(without, with_it, strict=True))


def test_without_crf_there_are_two_variants(finished, tmp_path):
    predict_round(finished, tmp_path / "p.h5", use_crf=False)

    with MapReader(tmp_path / "p.h5") as maps:
        assert maps.attributes["variants"] == ["single", "multiscale"]


def test_maps_do_not_depend_on_the_number_of_processes(finished, tmp_path):
    refine_round(finished, tmp_path / "one", threads=1)
    predict_round(finished, tmp_path / "p.h5", threads=1)

    for name in ("labels.h5", "saliency.h5"):
        assert content(tmp_path / "one" / name) == content(finished / "round1" / name)
    assert content(tmp_path / "p.h5") == content(finished / "round0/predictions.h5")


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(finished, tmp_path):
    train_round(finished, tmp_path / "again")
    train_round(finished, tmp_path / "other", random_seed=1)

    first = finished / "round0/weights.safetensors"
    assert same(first, tmp_path / "again/weights.safetensors")
    assert not same(first, tmp_path / "other/weights.safetensors")


def test_a_later_round_starts_from_the_weights_before_and_counts_on(finished, tmp_path):
    start = finished / "round0/weights.safetensors"

    train_round(finished, tmp_path, start=start, learning_rate=1e-12)

    assert read_description(tmp_path / "weights.safetensors")["round"] == 1
    before, after = tensors(start), tensors(tmp_path / "weights.safetensors")
    kernels = [name for name in before if name.endswith("predict.weight")]
    assert kernels
    assert all(np.allclose(before[name], after[name], atol=1e-6) for name in kernels)


def test_true_masks_teach_only_where_they_are_asked_for(finished, tmp_path):
    train_round(finished, tmp_path, labels="masks")

    assert not same(finished / "round0/weights.safetensors", tmp_path / "weights.safetensors")
    with pytest.raises(UserError, match="needs --masks"):
        train.run(
            TrainJob.model_validate({**TRAINING, "labels": "masks", "model": MODEL}),
            index=finished / "index.h5",
            labels=finished / "round0/labels.h5",
            saliency=finished / "saliency.h5",
            initial_weights=finished / "classifier/weights.safetensors",
            weights=tmp_path / "w.safetensors",
            history=tmp_path / "h.csv",
            runtime=RUNTIME,
        )


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


@pytest.mark.parametrize(
    "module", ["cli", "ops.postprocess", "stages.seed", "stages.evaluate", "stages.report"]
)
def test_modules_without_a_network_start_without_torch(module):
    code = f"import sys, auxseg.{module}; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_device_that_is_not_there_is_one_sentence(finished, tmp_path):
    with pytest.raises(
        UserError, match=r"--device tpu9, 1 of them: cannot be used here .*; use fewer"
    ):
        cam.run(
            CamOptions(scales=(1.0,)),
            index=finished / "index.h5",
            weights=finished / "classifier/weights.safetensors",
            cam=tmp_path / "cam.h5",
            runtime=Runtime(1, "tpu9"),
        )


def test_a_refinement_killed_between_its_artifacts_is_completed(finished, tmp_path):
    refine_round(finished, tmp_path)
    whole = content(tmp_path / "labels.h5"), content(tmp_path / "saliency.h5")
    (tmp_path / "labels.h5").unlink()

    refine_round(finished, tmp_path)

    assert (content(tmp_path / "labels.h5"), content(tmp_path / "saliency.h5")) == whole
