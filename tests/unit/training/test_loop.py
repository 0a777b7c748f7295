import dataclasses
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from auxseg.config import ClassifyOptions
from auxseg.datasets.index_file import Entry
from auxseg.errors import UserError
from auxseg.nn.backbones import build_backbone
from auxseg.nn.network import Classifier
from auxseg.runtime import Runtime
from auxseg.stopping import Stopped
from auxseg.training import loop
from auxseg.training.loop import Paths, fit, loader_workers
from auxseg.training.losses import classification_loss
from auxseg.training.samples import CropDataset
from tests.damage import with_a_flipped_bit


def network(frozen: bool = False) -> Classifier:
    torch.manual_seed(0)
    return Classifier(build_backbone("test_efficientnet", freeze_batch_norm=frozen), 2)


def losses(model, images, batch, counts):
    return {"classification": classification_loss(model(images), batch["classes"], counts)}


@pytest.fixture
def photos(tmp_path: Path) -> list[Entry]:
    """Reddish and bluish noise: two classes that a network learns at once."""
    random = np.random.default_rng(0)
    entries = []
    for number in range(8):
        photo = random.integers(0, 120, (40, 40, 3)).astype(np.uint8)
        photo[..., 2 * (number % 2)] += 130
        path = tmp_path / f"{number}.png"
        Image.fromarray(photo).save(path)
        labels = np.arange(2) == number % 2
        entries.append(Entry(str(number), "train", path, 40, 40, labels, None))
    return entries


def train(
    photos: list[Entry],
    folder: Path,
    epochs: int,
    stop_after: int | None = None,
    signal_in: tuple[int, int] | None = None,
    frozen: bool = False,
    **changes,
):
    """Train and return the network.

    `stop_after` so many steps, as a kill would; or send in step `signal_in[0]` a signal. `frozen`
    batch normalisation has nothing of a batch.
    """
    options = ClassifyOptions(
        **{"epochs": epochs, "batch_size": 4, "crop_size": 32, "learning_rate": 0.05, **changes}
    )
    model = network(frozen)
    steps = 0

    def interrupted(*arguments):
        nonlocal steps
        steps += 1
        if stop_after is not None and steps > stop_after:
            raise KeyboardInterrupt
        if signal_in is not None and steps == signal_in[0]:
            os.kill(os.getpid(), signal_in[1])
        return losses(*arguments)

    try:
        fit_to(photos, folder, model, interrupted, options)
    except KeyboardInterrupt:
        assert stop_after is not None
    return model


def fit_to(photos, folder: Path, model: Classifier, compute, options: ClassifyOptions) -> None:
    paths = Paths.beside(folder / "weights.safetensors", folder / "history.csv")
    data = CropDataset(photos, options, seed=0)
    fit(model, data, compute, options, fingerprint="x", paths=paths, runtime=Runtime(1))


def equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_training_lowers_the_loss(photos, tmp_path):
    train(photos, tmp_path, epochs=8)

    history = pd.read_csv(tmp_path / "history.csv")
    assert history.loss.tail(4).mean() < 0.5 * history.loss.head(4).mean()


def test_the_history_has_a_row_a_step_and_the_rate_follows_the_poly_schedule(photos, tmp_path):
    train(photos, tmp_path, epochs=2)

    history = pd.read_csv(tmp_path / "history.csv")
    assert history.step.tolist() == [0, 1, 2, 3]
    assert history.epoch.tolist() == [0, 0, 1, 1]
    expected = [0.05 * (1 - step / 4) ** 0.9 for step in range(4)]
    assert history.learning_rate.tolist() == pytest.approx(expected)


def test_an_interrupted_training_ends_with_the_same_weights(photos, tmp_path):
    whole = train(photos, tmp_path / "whole", epochs=4)

    train(photos, tmp_path / "cut", epochs=4, stop_after=5)
    resumed = train(photos, tmp_path / "cut", epochs=4)

    assert equal(whole, resumed)
    assert (tmp_path / "whole/history.csv").read_text() == (
        tmp_path / "cut/history.csv"
    ).read_text()


@pytest.mark.parametrize("steps", [1, 3, 4, 6])
def test_a_training_cut_within_an_epoch_ends_with_the_same_weights(
    photos, tmp_path, monkeypatch, steps
):
    """Four steps an epoch, each with draws of its own."""
    monkeypatch.setattr(loop, "SECONDS_A_CHECKPOINT", 0)
    options = {"epochs": 2, "batch_size": 2, "ema_decay": 0.5}
    whole = train(photos, tmp_path / "whole", **options)

    train(photos, tmp_path / "cut", **options, stop_after=steps)
    resumed = train(photos, tmp_path / "cut", **options)

    assert equal(whole, resumed)
    histories = [(tmp_path / name / "history.csv").read_text() for name in ("whole", "cut")]
    assert histories[0] == histories[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_training_told_to_end_saves_the_step_it_is_at(photos, tmp_path, capsys, number):
    options = {"epochs": 2, "batch_size": 2}
    whole = train(photos, tmp_path / "whole", **options)

    with pytest.raises(Stopped) as stopped:
        train(photos, tmp_path / "cut", **options, signal_in=(3, number))
    assert str(stopped.value) == f"stopped by {signal.Signals(number).name} after step 3 of 8"
    resumed = train(photos, tmp_path / "cut", **options)

    assert "goes on after step 3 of 8" in capsys.readouterr().err
    assert equal(whole, resumed)


@pytest.mark.parametrize("place", [1000, 200_000, -1])
def test_a_damaged_checkpoint_is_not_continued(photos, tmp_path, capsys, place):
    whole = train(photos, tmp_path / "whole", epochs=2)
    train(photos, tmp_path / "cut", epochs=2, stop_after=3)
    checkpoint = tmp_path / "cut/checkpoint.pt"
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(with_a_flipped_bit(content, place % (8 * len(content))))

    anew = train(photos, tmp_path / "cut", epochs=2)

    assert "goes on" not in capsys.readouterr().err
    assert equal(whole, anew)


@pytest.mark.parametrize("parts", [2, 3])
def test_a_batch_learnt_in_parts_is_learnt_alike(photos, tmp_path, parts):
    options = {"epochs": 2, "batch_size": 4, "frozen": True}
    whole = train(photos, tmp_path / "whole", **options)

    cut = train(photos, tmp_path / "cut", **options, accumulate=parts)

    histories = [pd.read_csv(tmp_path / name / "history.csv") for name in ("whole", "cut")]
    assert histories[1].loss.tolist() == pytest.approx(histories[0].loss.tolist(), rel=1e-4)
    for a, b in zip(whole.parameters(), cut.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_compiled_network_learns_alike_and_its_training_survives_an_interruption(
    photos, tmp_path
):
    plain, compiled, cut = (tmp_path / name for name in ("plain", "compiled", "cut"))
    options = {"epochs": 2, "frozen": True, "ema_decay": 0.5}
    expected = train(photos, plain, **options)

    learnt = train(photos, compiled, **options, compile=True)
    train(photos, cut, **options, compile=True, stop_after=3)
    resumed = train(photos, cut, **options, compile=True)

    for found, wanted in zip(learnt.parameters(), expected.parameters(), strict=True):
        assert torch.allclose(found, wanted, atol=1e-5)
    assert equal(learnt, resumed)


def test_a_moving_average_of_the_weights_is_kept_and_survives_an_interruption(photos, tmp_path):
    options = {"epochs": 3, "ema_decay": 0.5}
    last = train(photos, tmp_path / "last", epochs=3)
    whole = train(photos, tmp_path / "whole", **options)

    train(photos, tmp_path / "cut", **options, stop_after=5)
    resumed = train(photos, tmp_path / "cut", **options)

    assert equal(whole, resumed)
    assert not equal(whole, last)


def test_a_finished_training_is_not_trained_again(photos, tmp_path):
    first = train(photos, tmp_path, epochs=1)
    again, options = network(), ClassifyOptions(epochs=1, batch_size=4, crop_size=32)

    def step(*_):
        raise AssertionError("a step was taken")

    fit_to(photos, tmp_path, again, step, options)

    assert equal(first, again)


def test_event_files_are_left_for_tensorboard(photos, tmp_path):
    train(photos, tmp_path, epochs=1)

    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_a_loss_that_is_no_number_stops_training_and_keeps_the_checkpoint(photos, tmp_path):
    train(photos, tmp_path, epochs=2, stop_after=2)
    checkpoint = (tmp_path / "checkpoint.pt").read_bytes()

    options = ClassifyOptions(epochs=2, batch_size=4, crop_size=32)

    def no_number(*given):
        return {name: value * torch.nan for name, value in losses(*given).items()}

    with pytest.raises(UserError, match=r"the classification loss is nan in step 2"):
        fit_to(photos, tmp_path, network(), no_number, options)
    assert (tmp_path / "checkpoint.pt").read_bytes() == checkpoint


def test_paths_lie_beside_the_weights():
    paths = Paths.beside(Path("run/round0/weights.safetensors"), Path("run/round0/history.csv"))

    assert dataclasses.asdict(paths) == {
        "checkpoint": Path("run/round0/checkpoint.pt"),
        "history": Path("run/round0/history.csv"),
        "tensorboard": Path("run/round0/tensorboard"),
    }


def test_weights_that_are_not_finite_are_never_the_end(photos, tmp_path):
    """The last step's loss is finite and its gradient is not."""

    def spoilt(model, images, batch, counts):
        weight = next(iter(model.parameters()))
        return {"classification": (weight * 0).sum().sqrt()}

    options = ClassifyOptions(epochs=1, batch_size=8, crop_size=32, clip_gradient=0)
    with pytest.raises(UserError, match="training ended with weights that are not finite"):
        fit_to(photos, tmp_path, network(), spoilt, options)
    assert not (tmp_path / "history.csv").exists()


def test_processes_of_a_training_share_the_cores_for_workers():
    assert loader_workers("cuda", threads=16, processes=1) == 8
    assert loader_workers("cuda", threads=16, processes=4) == 3
    assert loader_workers("cuda", threads=2, processes=4) == 1
    assert loader_workers("cpu", threads=16, processes=1) == 0


def test_two_trainings_in_one_folder_keep_apart(tmp_path):
    one, other = (Paths.beside(tmp_path / f"{n}.safetensors", tmp_path / f"{n}.csv") for n in "ab")

    assert not {one.checkpoint, one.tensorboard} & {other.checkpoint, other.tensorboard}


def test_a_new_training_removes_no_file_of_others(photos, tmp_path):
    theirs = tmp_path / "tensorboard" / "notes.txt"
    theirs.parent.mkdir()
    theirs.write_text("theirs")

    train(photos, tmp_path, epochs=1)

    assert theirs.read_text() == "theirs"
