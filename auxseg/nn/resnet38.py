"""ResNet38d: the wide residual network of Wu et al. (2019), dilated as in PSA (Ahn & Kwak 2018).

All blocks normalise and rectify before they convolve, and a block that changes the shape takes its
shortcut from the rectified input (docs/method.md, 1).
"""

from torch import Tensor, nn

from auxseg.nn.dropout import ChannelDropout

CHANNELS = 4096
OUTPUT_STRIDE = 8
STAGES = {2: "stage2", 4: "stage3", 8: "stage4"}
"""Stride -> the last module of that stride that comes before the dilated ones."""


class Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut.

    Args:
        inputs: channels of the input.
        middle: channels between the convolutions.
        outputs: channels of the output.
        stride: of the first convolution.
        first_dilation: of the first convolution.
        dilation: of the second convolution.
    """

    def __init__(
        self,
        inputs: int,
        middle: int,
        outputs: int,
        *,
        stride: int = 1,
        first_dilation: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = _conv3(inputs, middle, stride=stride, dilation=first_dilation)
        self.norm2 = nn.BatchNorm2d(middle)
        self.conv2 = _conv3(middle, outputs, dilation=dilation)
        self.shortcut = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h / stride, w / stride)."""
        rectified = self.norm1(x).relu()
        kept = x if self.shortcut is None else self.shortcut(rectified)
        return kept + self.conv2(self.norm2(self.conv1(rectified)).relu())


class Bottleneck(nn.Module):
    """1 x 1 to a quarter, dilated 3 x 3 to a half, 1 x 1 to all; dropout before the last two.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        dilation: of the 3 x 3 convolution.
        dropout: share of channels that training drops.
    """

    def __init__(self, inputs: int, outputs: int, *, dilation: int, dropout: float) -> None:
        super().__init__()
        quarter, half = outputs // 4, outputs // 2
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, quarter, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(quarter)
        self.conv2 = _conv3(quarter, half, dilation=dilation)
        self.norm3 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, outputs, 1, bias=False)
        self.shortcut = _shortcut(inputs, outputs, 1)
        self.dropout = ChannelDropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w)."""
        rectified = self.norm1(x).relu()
        kept = x if self.shortcut is None else self.shortcut(rectified)
        middle = self.conv2(self.dropout(self.norm2(self.conv1(rectified)).relu()))
        return kept + self.conv3(self.dropout(self.norm3(middle).relu()))


class ResNet38d(nn.Module):
    """The feature part: images (B, 3, H, W) to features (B, 4096, ceil(H / 8), ceil(W / 8))."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.stage2 = _stage(64, 128, blocks=3)
        self.stage3 = _stage(128, 256, blocks=3)
        self.stage4 = _stage(256, 512, blocks=6)
        self.stage5 = nn.Sequential(
            Block(512, 512, 1024, first_dilation=1, dilation=2),
            *(Block(1024, 512, 1024, first_dilation=2, dilation=2) for _ in range(2)),
        )
        self.stage6 = Bottleneck(1024, 2048, dilation=4, dropout=0.3)
        self.stage7 = Bottleneck(2048, CHANNELS, dilation=4, dropout=0.5)
        self.norm = nn.BatchNorm2d(CHANNELS)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images to rectified features."""
        x = self.stage4(self.stage3(self.stage2(self.stem(images))))
        return self.norm(self.stage7(self.stage6(self.stage5(x)))).relu()


def _stage(inputs: int, outputs: int, *, blocks: int) -> nn.Sequential:
    first = Block(inputs, outputs, outputs, stride=2)
    return nn.Sequential(first, *(Block(outputs, outputs, outputs) for _ in range(blocks - 1)))


def _conv3(inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
    )


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Conv2d | None:
    if inputs == outputs and stride == 1:
        return None
    return nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
