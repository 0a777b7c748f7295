"""Predictions of a tiny network on tiny generated photographs."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from auxseg.config import PredictOptions
from auxseg.crf import segmentation_crf
from auxseg.datasets.index_file import Entry, read_index, write_index
from auxseg.errors import UserError
from auxseg.nn.weights import load_network, save_weights
from auxseg.runtime import Runtime
from auxseg.segmenter import load_segmenter
from auxseg.stages import predict
from auxseg.store import Header, MapReader
from tests.unit.one_round import content, predict_round
from tests.unit.restated_views import mean_over_views, vivid_network

pytestmark = pytest.mark.slow


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


def test_variants_are_one_scale_several_mirrored_and_these_sharpened(finished, tmp_path):
    index = read_index(finished / "index.h5")
    weights = vivid_network(tmp_path / "w.safetensors", index.classes)
    options = PredictOptions(scales=(1.0, 1.5), flip=True)
    predict.run(
        options,
        index=finished / "index.h5",
        weights=weights,
        predictions=tmp_path / "p.h5",
        runtime=Runtime(2),
    )
    network, _ = load_network(weights)
    sharpen = segmentation_crf(options.crf, torch.device("cpu"))

    def restated(entry: Entry, scales: tuple[float, ...], flip: bool) -> np.ndarray:
        softmax = partial(torch.softmax, dim=1)
        return mean_over_views(
            network, entry, scales, flip, lambda outputs: outputs.refined_segmentation, softmax
        ).numpy()

    seen = np.zeros(2)
    with MapReader(tmp_path / "p.h5") as maps:
        for entry in index.split("val"):
            single, averaged, sharp = maps.read(entry.id)
            mean = restated(entry, (1.0, 1.5), True)
            sharpened = sharpen(entry.photograph(), mean).argmax(axis=0)
            assert (single == restated(entry, (1.0,), False).argmax(axis=0)).mean() > 0.99
            assert (averaged == mean.argmax(axis=0)).mean() > 0.99
            assert (sharp == sharpened).mean() > 0.97
            seen += [(single != averaged).mean(), (averaged != sharp).mean()]
    assert (seen > 0.05).all()  # each differs from the one before


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


def test_known_classes_of_a_split_are_those_of_its_labelled_images(finished, tmp_path):
    index = read_index(finished / "index.h5")
    first, *others = index.split("val")
    without = replace(first, labels=np.zeros_like(first.labels))
    write_index(tmp_path / "index.h5", Header("index"), replace(index, entries=(without, *others)))
    arguments = {
        "index": tmp_path / "index.h5",
        "weights": finished / "round0/weights.safetensors",
        "predictions": tmp_path / "p.h5",
        "runtime": Runtime(2),
        "split": "val",
        "known_classes": True,
    }

    predict.run(PredictOptions(scales=(1.0,), use_crf=False), **arguments)

    with MapReader(tmp_path / "p.h5") as maps:
        assert maps.ids() == sorted(entry.id for entry in others)

    write_index(tmp_path / "index.h5", Header("index"), replace(index, entries=(without,)))
    with pytest.raises(UserError, match="no image of split 'val' is labelled"):
        predict.run(PredictOptions(), **arguments)


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


def test_predictions_do_not_depend_on_the_number_of_processes(finished, tmp_path):
    predict_round(finished, tmp_path / "p.h5", threads=1)

    assert content(tmp_path / "p.h5") == content(finished / "round0/predictions.h5")


def test_a_photograph_alone_is_segmented_as_in_its_data_set(finished):
    entries = read_index(finished / "index.h5").split("val")
    segmenter = load_segmenter(finished / "round0/weights.safetensors", longest_side=64)

    with MapReader(finished / "round0/predictions.h5") as maps:
        for entry in entries:
            single = maps.read(entry.id)[0]
            assert np.array_equal(segmenter(entry.photograph()), single)


def test_torchs_crf_predicts_what_pydensecrf_does(finished, tmp_path):
    predict_round(finished, tmp_path / "p.h5", crf={"engine": "torch"})

    with (
        MapReader(tmp_path / "p.h5") as ours,
        MapReader(finished / "round0/predictions.h5") as theirs,
    ):
        assert ours.ids() == theirs.ids()
        for image_id in ours.ids():
            assert (ours.read(image_id) == theirs.read(image_id)).mean() > 0.999


def test_a_way_of_predicting_that_equals_single_scale_is_left_out(finished, tmp_path):
    predict_round(finished, tmp_path / "p.h5", scales=(1.0,), flip=False)

    with MapReader(tmp_path / "p.h5") as maps, MapReader(finished / "round0/predictions.h5") as all:
        assert maps.attributes["variants"] == ["single", "multiscale+crf"]
        for image_id, planes in maps.items():
            assert len(planes) == 2
            assert np.array_equal(planes[0], all.read(image_id)[0])
