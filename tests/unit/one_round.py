"""One round on the tiny data set, by stages called as functions: fixture and steps."""

import shutil
from pathlib import Path

import h5py
import numpy as np
from safetensors import safe_open

from auxseg.config import (
    CamOptions,
    ClassifyJob,
    EvaluateOptions,
    PredictOptions,
    RefineOptions,
    SeedOptions,
    TrainJob,
)
from auxseg.runtime import Runtime
from auxseg.stages import cam, classify, evaluate, predict, refine, seed, train

MODEL = {"backbone": "test_efficientnet", "weights": "none", "freeze_batch_norm": False}
TRAINING = {"epochs": 1, "batch_size": 4, "crop_size": 48}
RUNTIME = Runtime(threads=2)


def make_round(tiny_run: Path, folder: Path) -> None:
    """A copy of the tiny run, and one round in it."""
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
    seed_round(folder)
    train_round(folder, folder / "round0")
    refine_round(folder, folder / "round1")
    predict_round(folder, folder / "round0/predictions.h5")


def seed_round(folder: Path) -> None:
    """The first labels."""
    seed.run(
        SeedOptions(),
        index=folder / "index.h5",
        cam=folder / "cam.h5",
        saliency=folder / "saliency.h5",
        labels=folder / "round0/labels.h5",
    )


def train_round(
    folder: Path, out: Path, start: Path | None = None, number: int = 0, **options
) -> None:
    job = {**TRAINING, "model": {**MODEL, "dense_channels": 8}, **options}
    masks = {"masks": folder / "masks.h5"} if options.get("labels") == "masks" else {}
    train.run(
        TrainJob.model_validate(job),
        index=folder / "index.h5",
        labels=folder / "round0/labels.h5",
        saliency=folder / "saliency.h5",
        initial_weights=start or folder / "classifier/weights.safetensors",
        round_number=number,
        weights=out / "weights.safetensors",
        history=out / "history.csv",
        runtime=RUNTIME,
        **masks,
    )


def refine_round(
    folder: Path, out: Path, threads: int = 2, weights: Path | None = None, **options
) -> None:
    refine.run(
        RefineOptions(**options),
        index=folder / "index.h5",
        weights=weights or folder / "round0/weights.safetensors",
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


def score(folder: Path, number: int) -> None:
    """Write the figures of a round's labels and, where there are some, predictions."""
    here = folder / f"round{number}"
    predictions = here / "predictions.h5"
    evaluate.run(
        EvaluateOptions(),
        index=folder / "index.h5",
        masks=folder / "masks.h5",
        labels=here / "labels.h5",
        predictions=predictions if predictions.exists() else None,
        metrics=here / "metrics.csv",
        per_class=here / "per_class.csv",
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
