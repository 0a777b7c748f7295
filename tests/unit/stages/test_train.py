"""A round of training: where it starts, what teaches it, and that it repeats."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from auxseg.config import TrainJob
from auxseg.datasets.index_file import read_index
from auxseg.description import read_description
from auxseg.errors import UserError
from auxseg.nn.network import build_network
from auxseg.stages import train
from auxseg.store import Header, MapReader, MapWriter
from auxseg.training.learner import Learner
from auxseg.training.loop import Paths, fit
from auxseg.training.losses import multi_task_losses
from auxseg.training.samples import CropDataset, batches
from tests.unit.one_round import MODEL, RUNTIME, TRAINING, same, tensors, train_round

pytestmark = pytest.mark.slow


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(finished, tmp_path):
    train_round(finished, tmp_path / "again")
    train_round(finished, tmp_path / "other", random_seed=1)

    first = finished / "round0/weights.safetensors"
    assert same(first, tmp_path / "again/weights.safetensors")
    assert not same(first, tmp_path / "other/weights.safetensors")


def test_a_later_round_starts_from_the_weights_before_and_counts_on(finished, tmp_path):
    start = finished / "round0/weights.safetensors"

    train_round(finished, tmp_path, start=start, number=1, learning_rate=1e-12)

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
            round_number=0,
            weights=tmp_path / "w.safetensors",
            history=tmp_path / "h.csv",
            runtime=RUNTIME,
        )


def test_photographs_without_a_true_mask_are_told_before_a_training_on_masks(finished, tmp_path):
    first, *others = read_index(finished / "index.h5").split("train")
    for name in ("index.h5", "saliency.h5"):
        shutil.copy(finished / name, tmp_path / name)
    shutil.copytree(finished / "classifier", tmp_path / "classifier")
    with (
        MapReader(finished / "masks.h5") as masks,
        MapWriter(tmp_path / "masks.h5", Header("masks")) as writer,
    ):
        for entry in others:
            writer.put(entry.id, masks.read(entry.id))

    told = f"masks.h5: 1 of {1 + len(others)} training photographs have no true mask, such as"
    with pytest.raises(UserError, match=f"{told} '{first.id}'"):
        train_round(tmp_path, tmp_path / "out", labels="masks")


def test_a_later_round_that_starts_from_the_classifier_has_an_order_of_its_own(finished, tmp_path):
    train_round(finished, tmp_path, number=1)

    assert read_description(tmp_path / "weights.safetensors")["round"] == 1
    assert not same(finished / "round0/weights.safetensors", tmp_path / "weights.safetensors")


def test_the_first_round_is_the_same_whatever_only_later_ones_read(finished, tmp_path):
    train_round(finished, tmp_path, start_from="classifier")

    first = read_description(finished / "round0/weights.safetensors")
    assert read_description(tmp_path / "weights.safetensors") == first


def test_padding_is_background_to_training_where_that_is_asked_for(finished, tmp_path):
    large = {"crop_size": 80}
    train_round(finished, tmp_path / "ignored", **large)
    train_round(finished, tmp_path / "background", **large, padding="background")

    losses = [
        pd.read_csv(tmp_path / name / "history.csv")["segmentation"][0]
        for name in ("ignored", "background")
    ]
    assert abs(losses[0] - losses[1]) > 1e-3


def test_weights_tell_what_their_use_elsewhere_needs(finished):
    index = read_index(finished / "index.h5")

    told = read_description(finished / "round0/weights.safetensors")

    assert told["classes"] == list(index.classes)
    assert told["palette"] == [list(colour) for colour in index.palette]
    assert told["longest_side"] == np.median([max(e.size) for e in index.split("train")]).round()


def test_tensorboard_has_the_losses_of_every_step_and_a_picture_of_every_epoch(finished, tmp_path):
    train_round(finished, tmp_path, epochs=2)

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    steps = len(pd.read_csv(tmp_path / "history.csv"))
    assert [event.step for event in events.Scalars("refined_segmentation")] == list(range(steps))
    assert [event.step for event in events.Images("crops")] == [steps // 2, steps]
    assert events.Images("crops")[0].height == 3 * TRAINING["crop_size"]


def test_what_tensorboard_shows_changes_no_bit_of_the_weights(finished, tmp_path):
    """Against the same steps in a bare loop, which writes and shows nothing."""
    options = TrainJob.model_validate({**TRAINING, "epochs": 2, "model": MODEL})
    entries = read_index(finished / "index.h5").split("train")
    maps = {"labels": finished / "round0/labels.h5", "saliency": finished / "saliency.h5"}

    def network():
        torch.manual_seed(0)
        model = options.model.model_dump(mode="json", exclude={"weights"})
        return build_network(num_classes=len(entries[0].labels), **model)

    def losses(network, images, batch, counts):
        return multi_task_losses(network(images), batch, counts, options)

    shown, bare = network(), network()
    paths = Paths.beside(tmp_path / "weights.safetensors", tmp_path / "history.csv")
    data = CropDataset(entries, options, 0, **maps)
    fit(shown, data, losses, options, fingerprint="x", paths=paths, runtime=RUNTIME)

    learner = Learner(bare, losses, options, RUNTIME)
    loader, sampler = batches(CropDataset(entries, options, 0, **maps), options.batch_size, 0)
    for epoch in range(2):
        sampler.begin(epoch, 0)
        learner.train()
        for step, batch in enumerate(loader, start=epoch * len(loader)):
            learner.step(batch, step / (2 * len(loader)), step)

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert len(events.Images("crops")) == 2
    weights = [
        {name: value.numpy().tobytes() for name, value in trained.state_dict().items()}
        for trained in (shown, bare)
    ]
    assert weights[0] == weights[1]
