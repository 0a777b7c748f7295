"""The five stages that shards share: the joined artifact is that of one process."""

from functools import partial
from pathlib import Path

import pytest

from auxseg.config import (
    CamOptions,
    ClassifyJob,
    PredictOptions,
    RefineOptions,
    SaliencyOptions,
    TrainJob,
)
from auxseg.runtime import Runtime
from auxseg.stages import cam, classify, index, predict, refine, saliency, train
from auxseg.store import ALL, Shard, file_digest

pytestmark = pytest.mark.slow

MODEL = {"backbone": "test_efficientnet", "weights": "none"}
TRAINING = {"epochs": 1, "batch_size": 4, "crop_size": 48}
RUNTIME = Runtime(threads=2)


@pytest.fixture(scope="module")
def networks(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a classifier's and a network's weights; read only."""
    folder = tmp_path_factory.mktemp("networks")
    inputs = {"index": tiny_run / "index.h5", "history": folder / "history.csv"}
    classify.run(
        ClassifyJob(**TRAINING, model=MODEL),
        weights=folder / "classifier.safetensors",
        runtime=RUNTIME,
        **inputs,
    )
    train.run(
        TrainJob.model_validate(
            {**TRAINING, "labels": "masks", "model": {**MODEL, "dense_channels": 8}}
        ),
        masks=tiny_run / "masks.h5",
        saliency=tiny_run / "saliency.h5",
        initial_weights=folder / "classifier.safetensors",
        round_number=0,
        weights=folder / "network.safetensors",
        runtime=RUNTIME,
        **inputs,
    )
    return folder


def works(tiny_run: Path, networks: Path, tiny_options) -> dict:
    """{artifacts of a stage: the function of their paths and a shard that writes them}."""
    table = {"index": tiny_run / "index.h5"}
    network = {**table, "runtime": RUNTIME, "weights": networks / "network.safetensors"}
    return {
        ("index",): partial(index.run, tiny_options),
        ("saliency",): partial(saliency.run, SaliencyOptions(), **table),
        ("cam",): partial(
            cam.run, CamOptions(), **(network | {"weights": networks / "classifier.safetensors"})
        ),
        ("labels", "refined_saliency"): partial(
            refine.run, RefineOptions(), saliency=tiny_run / "saliency.h5", **network
        ),
        ("predictions",): partial(predict.run, PredictOptions(scales=(1.0,)), **network),
    }


def files(names: tuple[str, ...], folder: Path) -> dict[str, Path]:
    return {name: folder / f"{name}.h5" for name in names}


@pytest.mark.parametrize("of", [3, 8])
def test_joined_shards_hold_what_one_process_writes(tiny_run, networks, tiny_options, tmp_path, of):
    for names, work in works(tiny_run, networks, tiny_options).items():
        work(**files(names, tmp_path / "whole"), shard=ALL)
        for number in range(1, of + 1):
            folder = tmp_path / "joined/shards" / f"{number}_of_{of}"
            work(**files(names, folder), shard=Shard(number, of))

        work(**files(names, tmp_path / "joined"), shard=Shard(None, of))

        for name in names:
            whole, joined = (
                file_digest(tmp_path / way / f"{name}.h5") for way in ("whole", "joined")
            )
            assert joined == whole, name
