"""The training loop, for the classifier and the multi-task network alike."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch.utils.tensorboard import SummaryWriter

from auxseg.config import TrainingOptions
from auxseg.nn.network import AuxSegNet, Classifier
from auxseg.runtime import Runtime, progress
from auxseg.stopping import Stopped, put_off_stop
from auxseg.store import write_atomically
from auxseg.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from auxseg.training.learner import Learner, LossesOf
from auxseg.training.pictures import SHOWN, crops_picture
from auxseg.training.samples import Batch, CropDataset, batches

SECONDS_A_CHECKPOINT = 300  # within an epoch; there is one after each in any case


@dataclass(frozen=True)
class Paths:
    """Where a training keeps its things.

    Attributes:
        checkpoint: state after the last steps.
        history: CSV, a row a step: epoch, step, learning_rate, loss and every single loss.
        tensorboard: folder of event files.
    """

    checkpoint: Path
    history: Path
    tensorboard: Path

    @classmethod
    def beside(cls, weights: Path, history: Path) -> "Paths":
        """Checkpoint and event files beside the weights; named after those of another name."""
        prefix = "" if weights.stem == "weights" else f"{weights.stem}-"
        return cls(
            weights.with_name(f"{prefix}checkpoint.pt"),
            history,
            weights.with_name(f"{prefix}tensorboard"),
        )


def fit(
    network: AuxSegNet | Classifier,
    dataset: CropDataset,
    losses_of: LossesOf,
    options: TrainingOptions,
    *,
    fingerprint: str,
    paths: Paths,
    runtime: Runtime,
) -> bool:
    """Train a network in place, continuing after the last checkpoint of an interrupted run.

    There is one every few minutes, at the end of each epoch, and when the process is told to end.
    With `ema_decay` the network ends as the moving average of its weights over the steps.

    Args:
        network: on the CPU; trained in place.
        dataset: crops to train on.
        losses_of: what it is trained on.
        options: schedule and optimiser.
        fingerprint: equal for runs that may continue one another.
        paths: checkpoint, history, event files.
        runtime: threads and device.

    Returns:
        Whether this process is the first of those that trained: the one that writes files.

    Raises:
        UserError: a loss became NaN or infinite; says which, and in which step.
        Stopped: the process was told to end, the checkpoint is written, and all processes know;
            raised in the first alone.
    """
    learner = Learner(network, losses_of, options, runtime)
    share = (learner.fabric.global_rank, learner.fabric.world_size)
    workers = loader_workers(learner.fabric.device.type, runtime.threads, share[1])
    loader, sampler = batches(dataset, options.batch_size, workers, *share)
    a_epoch = len(loader)
    log = TrainingLog(learner, fingerprint, paths, steps=a_epoch * options.epochs)
    with log, put_off_stop() as stopped:
        while log.done < log.steps:
            epoch, first = divmod(log.done, a_epoch)
            sampler.begin(epoch, first)
            learner.train()
            what = f"epoch {epoch + 1}/{options.epochs}"
            told = progress(loader, what, a_epoch, done=first, last_line=False)
            for batch in told if learner.fabric.is_global_zero else loader:
                step = log.done
                losses = learner.step(batch, step / log.steps, step)
                log.add({"epoch": epoch, "step": step, **losses})
                if signal := learner.largest_of(stopped() or 0):
                    log.save()
                    learner.fabric.barrier()
                    if learner.fabric.is_global_zero:
                        raise Stopped(signal, f"after step {log.done} of {log.steps}")
                    return False  # no failure: for one Fabric kills the first
            log.end_epoch(what, batch)
    learner.finish()
    if learner.fabric.is_global_zero:
        write_atomically(paths.history, pd.DataFrame(log.rows).to_csv(index=False).encode())
    return learner.fabric.is_global_zero


def loader_workers(device: str, threads: int, processes: int) -> int:
    """How many processes make the crops for one of a training's; none where it needs its cores.

    Args:
        device: type of the one that the network is on.
        threads: of the whole training.
        processes: that share them.
    """
    return 0 if device == "cpu" else min(8, max(1, threads // processes - 1))


class TrainingLog:
    """What a training has done so far: on disk, in TensorBoard's files, and told to the user.

    Of several processes all know it, and the first writes and tells it.
    """

    def __init__(self, learner: Learner, fingerprint: str, paths: Paths, steps: int) -> None:
        """Read the checkpoint, if there is one to continue from, and restore the learner."""
        self.steps = steps
        self.rows: list[dict[str, float]] = []
        self._learner = learner
        self._fingerprint = fingerprint
        self._path = paths.checkpoint
        self._events: SummaryWriter | None = None
        checkpoint = load_checkpoint(paths.checkpoint, fingerprint)
        if checkpoint is not None:
            learner.restore(checkpoint.parts)
            self.rows = checkpoint.history
        learner.fabric.barrier()  # nobody writes before all have read
        if learner.fabric.is_global_zero:
            if checkpoint is None:
                for events in paths.tensorboard.glob("events.out.tfevents.*"):
                    events.unlink()
            else:
                print(f"goes on after step {self.done} of {steps}", file=sys.stderr)
            self._events = SummaryWriter(paths.tensorboard, purge_step=self.done)
        self._started = self._saved = time.monotonic()

    @property
    def done(self) -> int:
        """Steps that are done."""
        return len(self.rows)

    def add(self, row: dict[str, float]) -> None:
        """Note a step, and now and then save all."""
        self.rows.append(row)
        if self._events is None:
            return
        for name, value in row.items():
            if name not in ("epoch", "step"):
                self._events.add_scalar(name, value, int(row["step"]))
        if time.monotonic() - self._saved >= SECONDS_A_CHECKPOINT:
            self.save()

    def save(self) -> None:
        """Write the checkpoint."""
        if self._events is None:
            return
        checkpoint = Checkpoint(self._fingerprint, self._learner.state(), self.rows)
        save_checkpoint(self._path, checkpoint)
        self._saved = time.monotonic()

    def end_epoch(self, what: str, batch: Batch) -> None:
        """Save all, tell the epoch's mean losses, and show what the network makes of a batch."""
        self.save()
        if self._events is None:
            return
        images = batch["image"][:SHOWN]
        predicted = self._learner.segmentation(images)
        if predicted is not None:
            shown = (images, batch["segmentation"][:SHOWN], predicted)
            picture = crops_picture(*(values.numpy() for values in shown))
            self._events.add_image("crops", picture, self.done, dataformats="HWC")
        last = self.rows[-1]["epoch"]
        means = pd.DataFrame([row for row in self.rows if row["epoch"] == last]).mean()
        told = " ".join(f"{n} {v:.3g}" for n, v in means.items() if n not in ("epoch", "step"))
        seconds = time.monotonic() - self._started
        print(f"{what}: {told} ({seconds:.0f} s in all)", file=sys.stderr, flush=True)

    def __enter__(self) -> "TrainingLog":
        return self

    def __exit__(self, *_: object) -> None:
        if self._events is not None:
            self._events.close()
