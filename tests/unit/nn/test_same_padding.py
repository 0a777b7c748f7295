import itertools

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame

from auxseg.nn.same_padding import WholeNumberSame, pad_by_whole_numbers

LAYERS = list(itertools.product((1, 2, 3, 5), (1, 2, 3), (1, 2)))


@pytest.mark.parametrize(("kernel", "stride", "dilation"), LAYERS)
def test_values_and_gradients_are_timms_at_every_size(kernel, stride, dilation):
    torch.manual_seed(0)
    theirs = Conv2dSame(2, 3, kernel, stride=stride, dilation=dilation)
    ours = Conv2dSame(2, 3, kernel, stride=stride, dilation=dilation)
    ours.load_state_dict(theirs.state_dict())
    pad_by_whole_numbers(ours)
    for height, width in itertools.product(range(7, 13), (8, 11)):
        image = torch.randn(2, 2, height, width)

        expected, found = theirs(image), ours(image)

        assert torch.equal(expected, found)
        for layer, result in ((theirs, expected), (ours, found)):
            layer.zero_grad()
            result.square().sum().backward()
        assert torch.equal(theirs.weight.grad, ours.weight.grad)


def test_a_kernel_smaller_than_its_stride_stays_timms():
    layer = Conv2dSame(2, 3, 1, stride=2)

    pad_by_whole_numbers(layer)

    assert not isinstance(layer, WholeNumberSame)
