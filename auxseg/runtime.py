"""How a stage runs, none of which may change what it writes: threads, device, progress."""

import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tqdm import tqdm

from auxseg.errors import UserError, reason_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import nn

    from auxseg.config import Precision

Item = TypeVar("Item")

_SECONDS_A_LINE = 20


@dataclass(frozen=True)
class Runtime:
    """Where and how wide a stage runs.

    Attributes:
        threads: processor cores the stage may use.
        device: "auto", "cpu", "cuda": Fabric's accelerator names.
        devices: of that kind, each with a process of its own; more than one for training alone.
    """

    threads: int = 1
    device: str = "auto"
    devices: int = 1


def bind_opencv() -> None:
    """Let OpenCV use one core: by itself it takes all there are, whatever --threads says."""
    import cv2  # here, as it takes a while to load

    cv2.setNumThreads(1)


def place(network: "nn.Module", runtime: Runtime) -> None:
    """Make a network, in place, ready to be used: fast, and on the device that Fabric chooses.

    Args:
        network: of images (B, 3, h, w), in evaluation mode; it cannot be trained any more.
        runtime: threads and device.

    It computes on all of the runtime's threads, also where processes for what follows it share the
    cores: these have less to do, and fewer threads made the whole a sixth slower.
    """
    import torch  # here, so that stages without a network start without it

    from auxseg.nn.folding import fold_batch_norm

    torch.set_num_threads(runtime.threads)
    fold_batch_norm(network)
    network.to(make_fabric(runtime).device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def make_fabric(runtime: Runtime, precision: "Precision" = "32-true") -> "Fabric":
    """Fabric on the runtime's device or devices; under torchrun, on those it was started for.

    Raises:
        UserError: there is no such device here, or fewer.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment

    from auxseg.gpu_slots import take_gpus

    logging.getLogger("lightning_fabric.utilities.rank_zero").addFilter(_is_no_advice)
    devices, nodes = runtime.devices, 1
    # Named, as within a Slurm job Fabric would else wait for processes that srun starts.
    launcher: LightningEnvironment | TorchElasticEnvironment = LightningEnvironment()
    if (here := os.environ.get("LOCAL_WORLD_SIZE")) is not None:
        devices, nodes = int(here), int(os.environ["WORLD_SIZE"]) // int(here)
        launcher = TorchElasticEnvironment()
    if runtime.device in ("auto", "cuda", "gpu"):
        take_gpus(devices)
    try:
        fabric = Fabric(
            accelerator=runtime.device,
            devices=devices,
            num_nodes=nodes,
            strategy="ddp" if devices * nodes > 1 else "auto",
            precision=precision,
            plugins=launcher,
        )
    except Exception as error:  # each accelerator refuses in a class of its own
        raise UserError(
            f"--device {runtime.device}, {devices} of them: cannot be used here "
            f"({reason_of(error)}); use fewer, or auto or cpu."
        ) from None
    if fabric.device.type == "cuda":
        _repeat_results()
    return fabric


def _is_no_advice(record: logging.LogRecord) -> bool:
    """Whether Fabric says something else than how to compute faster and less precisely."""
    return "torch.set_float32_matmul_precision" not in record.getMessage()


def _repeat_results() -> None:
    """Let a GPU compute the same from the same, as a processor does."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def progress(
    items: Iterable[Item], what: str, total: int, *, done: int = 0, last_line: bool = True
) -> Iterator[Item]:
    """Yield items under a bar on a terminal; in a log, a plain line now and then and at the end.

    Args:
        items: whose use takes the time.
        what: is being done.
        total: number of items, those done before included.
        done: before these items.
        last_line: False where the caller itself says that all is done.
    """
    if sys.stderr.isatty():
        yield from tqdm(
            items, desc=what, total=total, initial=done, dynamic_ncols=True, leave=last_line
        )
        return
    written = time.monotonic()
    for number, item in enumerate(items, start=done + 1):
        yield item
        due = time.monotonic() - written >= _SECONDS_A_LINE
        if (due and number < total) or (number == total and last_line):
            print(f"{what}: {number}/{total}", file=sys.stderr, flush=True)
            written = time.monotonic()


def byte_progress(
    chunks: Iterable[bytes], what: str, total: int, *, done: int = 0
) -> Iterator[bytes]:
    """Yield chunks of a file as `progress` does items, counting bytes.

    Args:
        chunks: whose use takes the time.
        what: is being done.
        total: bytes, those done before included.
        done: bytes before these chunks.
    """
    if sys.stderr.isatty():
        bar = tqdm(
            desc=what, total=total, initial=done, unit="B", unit_scale=True, dynamic_ncols=True
        )
        with bar:
            for chunk in chunks:
                yield chunk
                bar.update(len(chunk))
        return
    written = time.monotonic()
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        if done == total or time.monotonic() - written >= _SECONDS_A_LINE:
            print(f"{what}: {done / 1e6:,.0f}/{total / 1e6:,.0f} MB", file=sys.stderr, flush=True)
            written = time.monotonic()
