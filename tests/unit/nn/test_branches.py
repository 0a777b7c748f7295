"""The heads: how they begin, and what dropout takes no part in."""

import torch

from auxseg.nn.branches import ClassificationHead, DenseBranch


def test_dense_convolutions_and_the_classifier_begin_xavier_uniform():
    torch.manual_seed(0)
    branch, head = DenseBranch(64, 21, dense_channels=32), ClassificationHead(64, 20)
    layers = {
        "reduce": (branch.reduce, 64 * 9, 32 * 9),
        "widen": (branch.widen, 32 * 9, 32 * 9),
        "decode": (branch.decode, 32 * 9, 32 * 9),
        "predict": (branch.predict, 32, 21),
        "classifier": (head.classifier, 64, 20),
    }

    for name, (layer, fan_in, fan_out) in layers.items():
        bound = (6 / (fan_in + fan_out)) ** 0.5
        assert 0.95 * bound < layer.weight.abs().max() <= bound, name
        assert abs(layer.weight.std() / (bound / 3**0.5) - 1) < 0.05, name


def test_half_of_the_features_are_dropped_for_the_class_scores_and_none_for_the_cams():
    head = ClassificationHead(64, 20).train()
    features = torch.rand(2, 64, 4, 4)

    assert head.dropout.share == 0.5
    assert not torch.allclose(head(features), head(features))
    expected = torch.einsum("ck,bkhw->bchw", head.classifier.weight[:, :, 0, 0], features)
    assert torch.allclose(head.cam(features), expected, atol=1e-5)
