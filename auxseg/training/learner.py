"""A network with all that changes while it learns, a step at a time."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from auxseg.config import TrainingOptions
from auxseg.errors import UserError, reason_of
from auxseg.nn.dropout import dropout_of_samples
from auxseg.nn.network import AuxSegNet, Classifier, normalise
from auxseg.nn.precision import refuse_what_is_for_gpus
from auxseg.nn.resize import resize_bilinear
from auxseg.runtime import Runtime, make_fabric
from auxseg.stopping import end_with_launcher
from auxseg.training.losses import Counts, Losses, count_targets, total
from auxseg.training.samples import Batch

LossesOf = Callable[[nn.Module, torch.Tensor, Batch, Counts], Losses]
"""From network, normalised images, their targets, and the whole batch's counts to named losses."""

_COMPILERS = ("torch._dynamo", "torch._inductor")  # by name: to import them takes seconds
_NEW_LAYERS = ("classification.", "segmentation.", "saliency.")


class Learner:
    """Network, optimiser, precision and moving average on the runtime's device.

    With several devices, each process learns from its share of every batch, and all have the same
    network at every step.

    Args:
        network: on the CPU; trained in place.
        losses_of: what it is trained on.
        options: rates, optimiser, precision.
        runtime: threads and device.
    """

    def __init__(
        self,
        network: AuxSegNet | Classifier,
        losses_of: LossesOf,
        options: TrainingOptions,
        runtime: Runtime,
    ) -> None:
        end_with_launcher()
        self.fabric = make_fabric(runtime, options.precision)
        refuse_what_is_for_gpus(options.precision, self.fabric.device)
        self.fabric.launch()  # the other processes, each from the command's start
        torch.set_num_threads(max(1, runtime.threads // self.fabric.world_size))
        if options.batch_size % self.fabric.world_size:
            raise UserError(
                f"{options.section}.batch_size: {options.batch_size} images cannot be shared by "
                f"{self.fabric.world_size} processes; make it a multiple of that."
            )
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._losses_of = losses_of
        self._options = options
        if options.compile:
            network.compile()
        optimiser = torch.optim.SGD(
            parameter_groups(network, options),
            momentum=options.momentum,
            # Fabric cannot clip what a fused step would still have to scale.
            fused=options.precision != "16-mixed",
        )
        self._model, self._optimiser = self.fabric.setup(network, optimiser)
        self._parts: dict[str, Any] = {
            "model": network,
            "optimiser": self._optimiser,
            "precision": self.fabric.strategy.precision,
        }
        self._average = moving_average(network, options.ema_decay) if options.ema_decay else None
        if self._average is not None:
            self._parts["average"] = self._average

    def train(self) -> None:
        """Be in training mode: dropout draws."""
        self._model.train()

    def step(self, batch: Batch, progress: float, number: int) -> dict[str, float]:
        """Learn from one batch.

        Args:
            batch: of samples, on any device: this process's share.
            progress: share of all steps that are done, in [0, 1): the schedule's.
            number: of the step, for messages.

        Returns:
            learning_rate, every single loss, and loss, their weighted sum.

        Raises:
            UserError: a loss is not finite; nothing was learnt from the batch.
        """
        options = self._options
        # For backbones that draw otherwise than by samples: other in each run, step and process.
        torch.manual_seed(int(batch["seed"][0]))
        rate = set_rate(self._optimiser, options, progress)
        self._optimiser.zero_grad(set_to_none=True)
        try:
            values = self._backward(batch)
        except RuntimeError as error:
            if options.compile and type(error).__module__.startswith(_COMPILERS):
                raise UserError(
                    f"{options.section}.compile: the network cannot be compiled here "
                    f"({reason_of(error)}); set it to false, or install a C++ compiler."
                ) from None
            raise
        refuse_nan(values, number, options.section)
        if options.clip_gradient:
            # The scaler of 16-mixed overflows now and then, and skips that step by itself.
            self.fabric.clip_gradients(
                self._model,
                self._optimiser,
                max_norm=options.clip_gradient,
                error_if_nonfinite=False,
            )
        self._optimiser.step()
        if self._average is not None:
            self._average.update_parameters(self._network)
        return {"learning_rate": rate, **values}

    def _backward(self, batch: Batch) -> dict[str, float]:
        """Gather gradients of a batch, part by part; its losses and their sum as numbers."""
        device = self.fabric.device
        batch = {name: v if name == "seed" else v.to(device) for name, v in batch.items()}
        counts = self._summed(count_targets(batch))
        losses: Losses = {}
        parts = list(parts_of(batch, self._options.accumulate))
        for number, part in enumerate(parts, 1):
            images = normalise(part["image"], self._network.backbone)
            with (
                self.fabric.no_backward_sync(self._model, enabled=number < len(parts)),
                dropout_of_samples(part["seed"]),
            ):
                found = self._losses_of(self._model, images, part, counts)
                # Processes' gradients are averaged, where those of shares of a batch add up.
                self.fabric.backward(total(found) * self.fabric.world_size)
            losses = {name: losses.get(name, 0) + value.detach() for name, value in found.items()}
        return numbers(self._summed(losses))

    def _summed(self, values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Scalars and vectors, each added up over all processes."""
        if self.fabric.world_size == 1:
            return values
        together = torch.cat([value.reshape(-1) for value in values.values()])
        self.fabric.all_reduce(together, reduce_op="sum")
        sums = together.split([value.numel() for value in values.values()])
        return {
            name: found.reshape(value.shape)
            for (name, value), found in zip(values.items(), sums, strict=True)
        }

    def largest_of(self, number: int) -> int:
        """The largest number that a process came with."""
        if self.fabric.world_size == 1:
            return number
        largest = torch.tensor(number, device=self.fabric.device)
        self.fabric.all_reduce(largest, reduce_op="max")
        return int(largest)

    @torch.no_grad()
    def segmentation(self, images: torch.Tensor) -> torch.Tensor | None:
        """What the network makes of crops (B, 3, S, S) uint8: (B, S, S) uint8 on the CPU.

        None of a classifier. Leaves the network in evaluation mode, and draws nothing.
        """
        if isinstance(self._network, Classifier):
            return None
        self._network.eval()
        pixels = normalise(images.to(self.fabric.device), self._network.backbone)
        # Called as it is: what is compiled would be compiled once more for these crops.
        logits = self._network.forward(pixels).refined_segmentation
        height, width = images.shape[2:]
        enlarged = resize_bilinear(logits, (height, width))
        return enlarged.argmax(dim=1).to(torch.uint8).cpu()

    def state(self) -> dict[str, dict[str, Any]]:
        """The state of everything that changes, by name."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def restore(self, state: dict[str, dict[str, Any]]) -> None:
        """Go on from such a state."""
        for name, part in self._parts.items():
            part.load_state_dict(state[name])

    def finish(self) -> None:
        """Leave the network as what was learnt: with `ema_decay`, the moving average.

        Raises:
            UserError: the last step made weights that are not finite.
        """
        if self._average is not None:
            self._network.load_state_dict(self._average.module.state_dict())
        if not all(value.isfinite().all() for value in self._network.parameters()):
            section = self._options.section
            raise UserError(
                f"training ended with weights that are not finite; lower {section}.learning_rate "
                f"or {section}.head_rate_factor and run again."
            )


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


def parts_of(batch: Batch, count: int) -> Iterator[Batch]:
    """A batch in so many parts of as equal size as can be, none of them empty."""
    size = len(next(iter(batch.values())))
    bounds = [size * part // count for part in range(count + 1)]
    for start, end in pairwise(bounds):
        if end > start:
            yield {name: value[start:end] for name, value in batch.items()}


def numbers(losses: Losses) -> dict[str, float]:
    """Every loss and their sum as numbers, fetched from the device at once."""
    values = torch.stack([*losses.values(), total(losses)]).tolist()
    return dict(zip([*losses, "loss"], values, strict=True))


def refuse_nan(losses: dict[str, float], step: int, section: str) -> None:
    """Stop at the first loss that is not a finite number."""
    for name, value in losses.items():
        if not abs(value) < float("inf"):
            raise UserError(
                f"training stopped: the {name} loss is {value} in step {step}; lower "
                f"{section}.learning_rate or {section}.head_rate_factor and run again."
            )
