"""A backbone of your own: registered with timm, every stage takes it by its name.

    python examples/own_backbone.py classify --index results/mine/index.h5 ... \
        --options '{model: {backbone: plain_net, weights: none, freeze_batch_norm: false}}'

is `auxseg classify ...` that also knows `plain_net`; so are the other stages.
"""

from typing import Any

import timm.models
from torch import Tensor, nn

from auxseg.cli import main


class PlainNet(nn.Module):
    """Four convolutions that halve the resolution, up to the stride asked for; then dilated."""

    def __init__(self, output_stride: int) -> None:
        super().__init__()
        # What photographs are normalised with: RGB in [0, 1].
        self.pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
        layers: list[nn.Module] = []
        channels, stride = 3, 1
        for width in (32, 64, 128, 256):
            step, dilation = (2, 1) if stride < output_stride else (1, 2)
            convolution = nn.Conv2d(channels, width, 3, step, padding=dilation, dilation=dilation)
            layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
            channels, stride = width, stride * step
        self.layers = nn.Sequential(*layers)

    def forward_features(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) to features (B, K, ceil(H/stride), ceil(W/stride))."""
        return self.layers(images)


@timm.models.register_model
def plain_net(output_stride: int = 16, **_: Any) -> PlainNet:
    """Make the network; timm hands over more than is used here."""
    return PlainNet(output_stride)


if __name__ == "__main__":
    main()
