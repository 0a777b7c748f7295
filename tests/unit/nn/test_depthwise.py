import pytest
import torch
from torch import nn

from auxseg.nn.depthwise import DilatedDepthwise, split_dilated_depthwise


def layers(kernel: int, dilation: int, bias: bool) -> tuple[nn.Conv2d, nn.Sequential]:
    torch.manual_seed(0)
    padding = kernel // 2 * dilation
    plain = nn.Conv2d(6, 6, kernel, padding=padding, dilation=dilation, groups=6, bias=bias)
    quick = nn.Sequential(
        nn.Conv2d(6, 6, kernel, padding=padding, dilation=dilation, groups=6, bias=bias)
    )
    quick[0].load_state_dict(plain.state_dict())
    split_dilated_depthwise(quick)
    return plain, quick


@pytest.mark.parametrize("kernel, dilation", [(3, 2), (5, 2), (3, 4)])
@pytest.mark.parametrize("size", [(8, 8), (7, 10), (3, 1)])
def test_values_and_gradients_are_those_of_the_dilated_convolution(kernel, dilation, size):
    plain, quick = layers(kernel, dilation, bias=kernel == 3)
    first = torch.randn(2, 6, *size, requires_grad=True)
    second = first.detach().clone().requires_grad_()

    expected, found = plain(first), quick(second)
    (expected**2).sum().backward()
    (found**2).sum().backward()

    assert isinstance(quick[0], DilatedDepthwise)
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.allclose(second.grad, first.grad, atol=1e-5)
    assert torch.allclose(quick[0].weight.grad, plain.weight.grad, atol=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(6, 6, 3, padding=1, groups=6),
        nn.Conv2d(6, 6, 3, padding=2, dilation=2),
        nn.Conv2d(6, 6, 3, padding=1, dilation=2, groups=6),
        nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=6, stride=2),
    ],
)
def test_other_convolutions_stay_as_they_are(layer):
    network = nn.Sequential(layer)

    split_dilated_depthwise(network)

    assert type(network[0]) is nn.Conv2d
