"""The training loop, for the classifier and the multi-task network alike."""

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.tensorboard import SummaryWriter

from auxseg.config import TrainingOptions
from auxseg.errors import UserError
from auxseg.nn.network import AuxSegNet, Classifier, normalise
from auxseg.runtime import Runtime, make_fabric, progress
from auxseg.store import write_atomically
from auxseg.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from auxseg.training.losses import Losses, total
from auxseg.training.samples import Batch, CropDataset, batches

_NEW_LAYERS = ("classification.", "segmentation.", "saliency.")


@dataclass(frozen=True)
class Paths:
    """Where a training keeps its things.

    Attributes:
        checkpoint: state after the last whole epoch.
        history: CSV, a row a step: epoch, step, learning_rate, loss and every single loss.
        tensorboard: folder of event files.
    """

    checkpoint: Path
    history: Path
    tensorboard: Path

    @classmethod
    def beside(cls, weights: Path, history: Path) -> "Paths":
        """Checkpoint and event files in the folder of the weights."""
        return cls(weights.with_name("checkpoint.pt"), history, weights.with_name("tensorboard"))


def fit(
    network: AuxSegNet | Classifier,
    dataset: CropDataset,
    losses_of: Callable[[nn.Module, torch.Tensor, Batch], Losses],
    options: TrainingOptions,
    *,
    fingerprint: str,
    paths: Paths,
    runtime: Runtime,
) -> None:
    """Train a network in place, continuing after the last whole epoch of an interrupted run.

    With `ema_decay` it ends as the moving average of its weights over the steps.

    Args:
        network: on the CPU; trained in place.
        dataset: crops to train on.
        losses_of: (network, normalised images, batch) to named losses.
        options: schedule and optimiser.
        fingerprint: equal for runs that may continue one another.
        paths: checkpoint, history, event files.
        runtime: threads and device.

    Raises:
        UserError: a loss became NaN or infinite; says which, in which epoch and step.
    """
    torch.set_num_threads(runtime.threads)
    fabric = make_fabric(runtime, options.precision)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(parameter_groups(network, options), momentum=options.momentum)
    model, optimiser = fabric.setup(network, optimiser)
    workers = 0 if fabric.device.type == "cpu" else min(8, max(1, runtime.threads - 1))
    loader = batches(dataset, options.batch_size, workers)
    parts: dict[str, Any] = {"model": network, "optimiser": optimiser}
    if options.ema_decay:
        parts["average"] = moving_average(network, options.ema_decay)
    done = load_checkpoint(paths.checkpoint, fingerprint)
    rows: list[dict[str, float]] = []
    if done is not None:
        for name, part in parts.items():
            part.load_state_dict(done.parts[name])
        rows = done.history

    steps = len(loader) * options.epochs
    if done is None:
        shutil.rmtree(paths.tensorboard, ignore_errors=True)
    else:
        print(f"goes on after epoch {done.epochs} of {options.epochs}", file=sys.stderr)
    events = SummaryWriter(paths.tensorboard, purge_step=len(rows))
    started = time.monotonic()
    for epoch in range(done.epochs if done else 0, options.epochs):
        torch.manual_seed(dataset.seed * 1_000_003 + epoch)  # dropout
        loader.sampler.epoch = epoch  # type: ignore[attr-defined]
        model.train()
        shown = progress(
            loader, f"epoch {epoch + 1}/{options.epochs}", len(loader), last_line=False
        )
        for step, batch in enumerate(shown, start=epoch * len(loader)):
            rate = set_rate(optimiser, options, step / steps)
            batch = {name: value.to(fabric.device) for name, value in batch.items()}
            losses = losses_of(model, normalise(batch["image"], network.backbone), batch)
            loss = total(losses)
            row = {"epoch": epoch, "step": step, "learning_rate": rate, **numbers(losses, loss)}
            refuse_nan(row)
            optimiser.zero_grad(set_to_none=True)
            fabric.backward(loss)
            if options.clip_gradient:
                # A scaler of 16-mixed overflows now and then, and skips that step by itself.
                fabric.clip_gradients(
                    model, optimiser, max_norm=options.clip_gradient, error_if_nonfinite=False
                )
            optimiser.step()
            if "average" in parts:
                parts["average"].update_parameters(network)
            rows.append(row)
            _log_step(events, row)
        states = {name: part.state_dict() for name, part in parts.items()}
        save_checkpoint(paths.checkpoint, Checkpoint(fingerprint, epoch + 1, states, rows))
        _print_epoch(rows, epoch, options.epochs, time.monotonic() - started)
    events.close()
    if "average" in parts:
        network.load_state_dict(parts["average"].module.state_dict())
    write_atomically(paths.history, pd.DataFrame(rows).to_csv(index=False).encode())


def moving_average(network: nn.Module, decay: float) -> AveragedModel:
    """A copy of the network that follows it: decay * copy + (1 - decay) * network after a step."""
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


def parameter_groups(network: nn.Module, options: TrainingOptions) -> list[dict[str, object]]:
    """Backbone and cross-task block at the base rate, new layers at `head_rate_factor` times it."""
    named = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    new = [p for n, p in named if n.startswith(_NEW_LAYERS)]
    old = [p for n, p in named if not n.startswith(_NEW_LAYERS)]
    shared = {"lr": options.learning_rate, "weight_decay": options.weight_decay}
    return [
        {"params": old, "factor": 1.0, **shared},
        {"params": new, "factor": options.head_rate_factor, **shared},
    ]


def set_rate(optimiser: torch.optim.Optimizer, options: TrainingOptions, progress: float) -> float:
    """Poly schedule: base rate * (1 - progress)^power, progress in [0, 1); returns the base's."""
    rate = options.learning_rate * (1 - progress) ** options.poly_power
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
    return rate


def numbers(losses: Losses, loss: torch.Tensor) -> dict[str, float]:
    """Every loss and their sum as numbers, fetched from the device at once."""
    values = torch.stack([*losses.values(), loss]).tolist()
    return dict(zip([*losses, "loss"], values, strict=True))


def refuse_nan(row: dict[str, float]) -> None:
    """Stop at the first loss that is not a finite number."""
    for name, value in row.items():
        if not abs(value) < float("inf"):
            raise UserError(
                f"training stopped: the {name} loss is {value} in epoch {int(row['epoch'])}, step "
                f"{int(row['step'])}; lower learning_rate or head_rate_factor and run again."
            )


def _log_step(events: SummaryWriter, row: dict[str, float]) -> None:
    for name, value in row.items():
        if name not in ("epoch", "step"):
            events.add_scalar(name, value, int(row["step"]))


def _print_epoch(rows: list[dict[str, float]], epoch: int, epochs: int, seconds: float) -> None:
    means = pd.DataFrame([row for row in rows if row["epoch"] == epoch]).mean()
    shown = " ".join(f"{n} {v:.3g}" for n, v in means.items() if n not in ("epoch", "step"))
    print(f"epoch {epoch + 1}/{epochs}: {shown} ({seconds:.0f} s)", file=sys.stderr, flush=True)
