"""TensorFlow's "same" padding in whole numbers, so that networks are exported for any size."""

import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn


class WholeNumberSame(Conv2dSame):
    """A convolution whose output has ceil(side / stride) positions; values are timm's.

    timm divides by floats and rounds up, which torch.export cannot simplify: a network of four such
    layers takes it longer than anybody waits.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, K, H, W) to (B, K', ceil(H / stride), ceil(W / stride))."""
        margins: list[int] = []
        shape = zip(features.shape[2:], self.kernel_size, self.stride, self.dilation, strict=True)
        for side, kernel, stride, dilation in shape:
            total = (kernel - 1) * dilation + 1 - stride + -side % stride
            margins = [total // 2, total - total // 2, *margins]  # the last axis first
        padded = F.pad(features, margins)
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def pad_by_whole_numbers(network: nn.Module) -> None:
    """Give every convolution of a network that pads as TensorFlow does this form, in place."""
    for layer in network.modules():
        if isinstance(layer, Conv2dSame) and _covers_its_stride(layer):
            layer.__class__ = WholeNumberSame


def _covers_its_stride(layer: nn.Conv2d) -> bool:
    """Else the padding would be negative, where timm has none."""
    sizes = zip(layer.kernel_size, layer.stride, layer.dilation, strict=True)
    return all((kernel - 1) * dilation + 1 >= stride for kernel, stride, dilation in sizes)
