"""Trains the classification branch alone, on image-level labels.

Reads:  index.h5 and the training images.
Writes: classifier/weights.safetensors and classifier/history.csv (until then checkpoint.pt beside
        them: every few minutes and when told to end).
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from auxseg.config import ClassifyJob
from auxseg.datasets.index_file import read_index
from auxseg.nn.backbones import build_backbone
from auxseg.nn.imagenet import initialise_backbone
from auxseg.nn.network import Classifier
from auxseg.runtime import Runtime
from auxseg.store import file_digest
from auxseg.training.job import train_and_save
from auxseg.training.losses import Counts, Losses, classification_loss
from auxseg.training.samples import SEEDS_A_RUN, Batch, CropDataset


def run(
    options: ClassifyJob,
    *,
    index: Path,
    weights: Path,
    history: Path,
    runtime: Runtime,
    devices: int = 1,
) -> None:
    """Train the classifier; continues an interrupted run."""
    table = read_index(index)
    model = options.model
    torch.manual_seed(options.random_seed)
    backbone = build_backbone(
        model.backbone,
        model.output_stride,
        freeze_batch_norm=model.freeze_batch_norm,
        frozen_stride=model.frozen_stride,
    )
    initialise_backbone(backbone, model.backbone, model.weights)
    network = Classifier(backbone, len(table.classes))
    train_and_save(
        network,
        CropDataset(table.split("train"), options, options.random_seed * SEEDS_A_RUN),
        _losses,
        options,
        {
            "kind": "classifier",
            "classes": table.classes,
            "model": model.model_dump(mode="json"),
            "inputs": {"index": file_digest(index), **_start(model.weights)},
        },
        weights=weights,
        history=history,
        runtime=replace(runtime, devices=max(1, devices)),
    )


def _start(weights: str) -> dict[str, str]:
    """The digest of a file that the backbone starts from."""
    path = Path(weights)
    return {"model_weights": file_digest(path)} if path.is_file() else {}


def _losses(network: nn.Module, images: torch.Tensor, batch: Batch, counts: Counts) -> Losses:
    return {"classification": classification_loss(network(images), batch["classes"], counts)}
