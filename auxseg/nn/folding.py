"""Batch norm of networks that learn no more, as a part of the convolution before it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

_SIDE = 64
_ASKED = (int, torch.Size, torch.dtype, torch.device, torch.layout)
"""What a function returns that asks for a tensor's shape or kind, and does not read it."""


@torch.no_grad()
def fold_batch_norm(network: nn.Module) -> int:
    """Merge batch norms into convolutions whose output goes to them alone, in place.

    The network computes the same but for round-off, and need not read and write every feature map
    once more; it cannot be trained any more, and its state has other names.

    Args:
        network: in evaluation mode, of images (B, 3, h, w), on the processor.

    Returns:
        How many were merged.
    """
    calls = _Calls()
    with calls:
        calls.read(network(torch.zeros(1, 3, _SIDE, _SIDE)))
    layers = _foldable(network)
    pairs = [
        (layers[conv], layers[norm])
        for conv, norm in calls.pairs()
        if conv in layers and norm in layers
    ]
    for conv_name, norm_name in pairs:
        conv: Any = network.get_submodule(conv_name)
        norm: Any = network.get_submodule(norm_name)
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight,
            conv.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
        )
        network.set_submodule(norm_name, _rest_of(norm))
    return len(pairs)


class _Calls(TorchFunctionMode):
    """Notes which convolution each batch norm reads, and who else reads its output."""

    def __init__(self) -> None:
        super().__init__()
        self._weight_of: dict[int, int] = {}  # of the convolution that made an output
        self._norms: list[tuple[int, int]] = []
        self._reads: Counter[int] = Counter()
        self._kept: list[Any] = []  # so that no tensor gets the id of another

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if not isinstance(result, _ASKED):
            self.read((args, kwargs))
            self._kept.append(result)
        if function is F.conv2d and len(args) > 1:
            self._weight_of[id(result)] = id(args[1])
        elif function is F.batch_norm and not kwargs["training"] and kwargs["weight"] is not None:
            self._norms.append((id(args[0]), id(kwargs["weight"])))
        return result

    def read(self, values: Any) -> None:
        """Note that these tensors, however nested, are read once more."""
        values = vars(values) if is_dataclass(values) else values
        tensors = [x for x in tree_leaves(values) if isinstance(x, Tensor)]
        self._reads.update(map(id, tensors))
        self._kept += tensors

    def pairs(self) -> list[tuple[int, int]]:
        """(convolution, batch norm) by the ids of their weights, each used once."""
        return [
            (weight, norm)
            for read, norm in self._norms
            if (weight := self._weight_of.get(read)) is not None
            and all(self._reads[one] == 1 for one in (read, weight, norm))
        ]


def _foldable(network: nn.Module) -> dict[int, str]:
    """Names of convolutions and batch norms that are no more than that, by their weights' ids."""
    named = [
        (name, layer)
        for name, layer in network.named_modules(remove_duplicate=False)
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)
        and isinstance(layer.weight, nn.Parameter)
        and not (layer._forward_hooks or layer._forward_pre_hooks)
    ]
    uses = Counter(id(layer) for _, layer in named)
    return {id(layer.weight): name for name, layer in named if uses[id(layer)] == 1}


def _rest_of(norm: Any) -> nn.Module:
    """What a batch norm's layer does beside normalising."""
    return nn.Sequential(norm.drop, norm.act) if isinstance(norm, BatchNormAct2d) else nn.Identity()
