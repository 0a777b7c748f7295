import pytest
import torch

from auxseg.nn.dropout import ChannelDropout, dropout_of_samples

MAPS = torch.ones(3, 1000, 2, 2)
SEEDS = torch.tensor([5, 6, 7])


def dropped(layer: ChannelDropout, maps: torch.Tensor, seeds: torch.Tensor) -> torch.Tensor:
    with dropout_of_samples(seeds):
        return layer(maps)


def test_whole_channels_are_dropped_and_the_others_scaled_up():
    out = dropped(ChannelDropout(0.25), MAPS, SEEDS)

    assert torch.equal(out, out[:, :, :1, :1].expand_as(out))
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert (out == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)


def test_what_a_sample_loses_does_not_depend_on_the_batch_it_comes_in():
    layer = ChannelDropout(0.5)
    together = dropped(layer, MAPS, SEEDS)

    alone = torch.cat([dropped(layer, MAPS[:1], seed[None]) for seed in SEEDS])

    assert torch.equal(together, alone)
    assert not torch.equal(together[0], together[1])


def test_every_layer_of_a_pass_draws_for_itself():
    first, second = ChannelDropout(0.5), ChannelDropout(0.5)

    with dropout_of_samples(SEEDS):
        a, b = first(MAPS), second(MAPS)
    with dropout_of_samples(SEEDS):
        again = first(MAPS)

    assert not torch.equal(a, b)
    assert torch.equal(a, again)


def test_nothing_is_dropped_in_evaluation():
    assert torch.equal(dropped(ChannelDropout(0.5).eval(), MAPS, SEEDS), MAPS)


def test_without_samples_it_draws_like_any_dropout():
    out = ChannelDropout(0.5)(MAPS)

    assert 0.4 < (out == 0).float().mean().item() < 0.6
