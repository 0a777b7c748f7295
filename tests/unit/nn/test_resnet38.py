import numpy as np
import pytest
import torch
from torch import nn

from auxseg.errors import UserError
from auxseg.nn.backbones import build_backbone
from auxseg.nn.dropout import ChannelDropout
from auxseg.nn.resnet38 import Block, Bottleneck, ResNet38d

# Inputs, outputs, kernel, stride and dilation of every convolution, block by block.
TABLE = [
    (3, 64, 3, 1, 1),
    *[(64, 128, 3, 2, 1), (128, 128, 3, 1, 1), (64, 128, 1, 2, 1)],
    *[(128, 128, 3, 1, 1)] * 4,
    *[(128, 256, 3, 2, 1), (256, 256, 3, 1, 1), (128, 256, 1, 2, 1)],
    *[(256, 256, 3, 1, 1)] * 4,
    *[(256, 512, 3, 2, 1), (512, 512, 3, 1, 1), (256, 512, 1, 2, 1)],
    *[(512, 512, 3, 1, 1)] * 10,
    *[(512, 512, 3, 1, 1), (512, 1024, 3, 1, 2), (512, 1024, 1, 1, 1)],
    *[(1024, 512, 3, 1, 2), (512, 1024, 3, 1, 2)] * 2,
    *[(1024, 512, 1, 1, 1), (512, 1024, 3, 1, 4), (1024, 2048, 1, 1, 1), (1024, 2048, 1, 1, 1)],
    *[(2048, 1024, 1, 1, 1), (1024, 2048, 3, 1, 4), (2048, 4096, 1, 1, 1), (2048, 4096, 1, 1, 1)],
]


@pytest.fixture(scope="module")
def network() -> ResNet38d:
    return ResNet38d().eval()


def test_the_convolutions_are_the_published_ones(network):
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]

    assert [
        (c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0], c.dilation[0])
        for c in layers
    ] == TABLE
    assert all(
        c.bias is None and c.padding == c.dilation for c in layers if c.kernel_size == (3, 3)
    )


def test_features_have_4096_channels_at_an_eighth_of_the_size(network):
    with torch.inference_mode():
        features = network(torch.randn(1, 3, 40, 65))

    assert features.shape == (1, 4096, 5, 9)
    assert features.min() >= 0


def test_training_drops_channels_of_both_bottlenecks_by_their_shares(network):
    shares = {n: m.share for n, m in network.named_modules() if isinstance(m, ChannelDropout)}

    assert shares == {"stage6.dropout": 0.3, "stage7.dropout": 0.5}


def test_what_is_dropped_are_rectified_channels_before_the_second_and_third_convolution():
    block = Bottleneck(8, 16, dilation=4, dropout=0.3).eval()
    seen = []
    block.dropout.register_forward_hook(lambda _, given, __: seen.append(given[0]))

    block(torch.randn(1, 8, 6, 6))

    assert [maps.shape[1] for maps in seen] == [block.conv2.in_channels, block.conv3.in_channels]
    assert all(maps.min() == 0 for maps in seen)


def filled(layer: nn.Module) -> nn.Module:
    """A layer in evaluation mode, every parameter and statistic of it drawn at random."""
    generator = torch.Generator().manual_seed(0)
    for value in (*layer.parameters(), *layer.buffers()):
        if value.dtype.is_floating_point:
            value.data.uniform_(0.1, 1.0, generator=generator)
            value.data[::2] *= 1 if value.ndim == 1 else -1
    return layer.eval()


def rectified(norm: nn.BatchNorm2d, x: np.ndarray) -> np.ndarray:
    """ReLU of batch norm on channels."""
    mean, var, weight, bias = (
        value.detach().numpy().astype(float)
        for value in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return np.maximum((x - mean) / np.sqrt(var + norm.eps) * weight + bias, 0)


def middle(convolution: nn.Conv2d, x: np.ndarray) -> np.ndarray:
    """A convolution on one pixel: only the middle of the kernel meets it."""
    centre = convolution.kernel_size[0] // 2
    return convolution.weight.detach().numpy().astype(float)[:, :, centre, centre] @ x


@pytest.mark.parametrize("outputs", [4, 6])
def test_a_block_is_its_formula_and_its_shortcut_takes_the_rectified_input(outputs):
    block = filled(Block(4, 3, outputs, dilation=2))
    x = np.array([0.5, -1.0, 2.0, 0.1])

    first = rectified(block.norm1, x)
    inner = middle(block.conv2, rectified(block.norm2, middle(block.conv1, first)))
    kept = x if block.shortcut is None else middle(block.shortcut, first)

    found = block(torch.tensor(x, dtype=torch.float32).view(1, -1, 1, 1)).flatten()
    assert (block.shortcut is None) == (outputs == 4)
    assert np.allclose(found.detach(), kept + inner, rtol=1e-5)


def test_a_bottleneck_is_its_formula():
    block = filled(Bottleneck(4, 8, dilation=4, dropout=0.5))
    x = np.array([0.5, -1.0, 2.0, 0.1])

    first = rectified(block.norm1, x)
    half = middle(block.conv2, rectified(block.norm2, middle(block.conv1, first)))
    inner = middle(block.conv3, rectified(block.norm3, half))

    found = block(torch.tensor(x, dtype=torch.float32).view(1, -1, 1, 1)).flatten()
    assert np.allclose(found.detach(), middle(block.shortcut, first) + inner, rtol=1e-5)


def test_as_a_backbone_its_first_convolution_and_batch_norm_never_learn():
    backbone = build_backbone("resnet38d", 8).train()

    learns = {name: p.requires_grad for name, p in backbone.named_parameters()}
    assert not learns["body.stem.weight"]
    assert not any(free for name, free in learns.items() if "norm" in name)
    assert learns["body.stage2.0.conv1.weight"]
    assert not any(m.training for m in backbone.modules() if isinstance(m, nn.BatchNorm2d))


def test_another_stride_than_the_published_is_refused():
    with pytest.raises(UserError, match="resnet38d has stride 8 only; set it to 8"):
        build_backbone("resnet38d", 16)
