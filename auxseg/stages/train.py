"""Trains the multi-task network of one round on its pseudo labels.

Reads:  index.h5, the round's labels and saliency, the previous weights (round 0: the classifier's)
        and the training images; masks.h5 only where train.labels is masks.
Writes: round{r}/weights.safetensors and round{r}/history.csv (until then checkpoint.pt beside
        them: every few minutes and when told to end).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from auxseg.config import TrainJob
from auxseg.datasets.index_file import Entry, read_index
from auxseg.datasets.record import BACKGROUND, IGNORE, without_mask
from auxseg.description import read_description
from auxseg.errors import UserError
from auxseg.nn.network import AuxSegNet, build_network
from auxseg.nn.weights import load_weights
from auxseg.runtime import Runtime
from auxseg.store import MapReader, file_digest
from auxseg.training.job import train_and_save
from auxseg.training.losses import Counts, Losses, multi_task_losses
from auxseg.training.samples import SEEDS_A_RUN, Batch, CropDataset


def run(
    options: TrainJob,
    *,
    index: Path,
    saliency: Path,
    initial_weights: Path,
    round_number: int,
    weights: Path,
    history: Path,
    runtime: Runtime,
    labels: Path | None = None,
    masks: Path | None = None,
    devices: int = 1,
) -> None:
    """Train the network; continues an interrupted run."""
    options = options.narrowed(first=round_number == 0)
    table = read_index(index)
    entries = table.split("train")
    targets = _targets(options, labels, masks, entries)
    inputs = {
        name: file_digest(path)
        for name, path in {
            "index": index,
            "labels": targets,
            "saliency": saliency,
            "initial_weights": initial_weights,
        }.items()
    }
    # Another order and other crops than the classifier's, and in every round.
    seed = options.random_seed * SEEDS_A_RUN + round_number + 1
    torch.manual_seed(seed)
    model = options.model.model_dump(mode="json", exclude={"weights"})
    network = _network(model, initial_weights, table.classes)
    train_and_save(
        network,
        CropDataset(
            entries,
            options,
            seed,
            padding=IGNORE if options.padding == "ignored" else BACKGROUND,
            labels=targets,
            saliency=saliency,
        ),
        partial(_losses, options),
        options,
        {
            "kind": "network",
            "classes": table.classes,
            "palette": table.palette,
            "longest_side": table.longest_side(),
            "round": round_number,
            "model": model,
            "inputs": inputs,
        },
        weights=weights,
        history=history,
        runtime=replace(runtime, devices=max(1, devices)),
    )


def _losses(
    options: TrainJob, network: nn.Module, images: torch.Tensor, batch: Batch, counts: Counts
) -> Losses:
    return multi_task_losses(network(images), batch, counts, options)


def _network(model: dict[str, Any], weights: Path, classes: Sequence[str]) -> AuxSegNet:
    """The network where the round begins: at the classifier, or where a round ended."""
    description = read_description(weights, classes=classes)
    network = build_network(num_classes=len(classes), **model)
    new = load_weights(network, weights, allow_missing=description["kind"] == "classifier")
    if any(name.startswith("backbone.") for name in new):
        raise UserError(
            f"{weights}: learnt on another backbone than {model['backbone']!r}; run stage "
            f"classify with this one."
        )
    return network


def _targets(
    options: TrainJob, labels: Path | None, masks: Path | None, entries: Sequence[Entry]
) -> Path:
    """What teaches segmentation: pseudo labels, or true masks if every photograph has one."""
    flag, targets = ("labels", labels) if options.labels == "pseudo" else ("masks", masks)
    if targets is None:
        raise UserError(f"train.labels: {options.labels} needs --{flag}.")
    if options.labels == "masks":
        _refuse_without_mask(targets, entries)
    return targets


def _refuse_without_mask(masks: Path, entries: Sequence[Entry]) -> None:
    with MapReader(masks) as maps:
        without = [entry.id for entry in entries if entry.id not in maps]
    if without:
        raise UserError(f"{masks}: {without_mask(without, len(entries))}")
