"""Pairwise affinities between positions: of one task, and across tasks."""

import torch
from torch import Tensor, nn


class TaskAffinity(nn.Module):
    """A task's pairwise affinity and the enhancement of its features by it (docs/method.md, 1).

    Args:
        channels: D.
        with_unary: add AuxSegNet+'s unary affinity: one attention over positions, the same for
            every query.
    """

    def __init__(self, channels: int, *, with_unary: bool = False) -> None:
        super().__init__()
        self.unary = nn.Conv2d(channels, 1, 1) if with_unary else None
        self.theta = nn.Conv2d(channels, channels, 1)
        self.phi = nn.Conv2d(channels, channels, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Enhance features (B, D, h, w).

        Returns:
            The enhanced features (B, D, h, w), F + W(A g(F)), and A (B, N, N), whose rows sum to 1:
            A[i, j] = softmax over j of theta(F)_i . phi(F)_j. With the unary affinity u (B, 1, N),
            the features are F + W(A g(F) + u g(F)).
        """
        theta = self.theta(features).flatten(2)  # (B, D, N)
        phi = self.phi(features).flatten(2)
        affinity = torch.softmax(theta.transpose(1, 2) @ phi, dim=2)
        values = self.value(features)
        context = propagate(affinity, values)
        if self.unary is not None:
            attention = torch.softmax(self.unary(features).flatten(2), dim=2)  # (B, 1, N)
            context = context + (values.flatten(2) @ attention.transpose(1, 2))[..., None]
        return features + self.project(context), affinity


class CrossTaskAffinity(nn.Module):
    """Gates two task affinities into one, position pair by position pair (docs/method.md, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        self.gate = nn.Conv2d(2, 2, 1)

    def forward(self, segmentation: Tensor, saliency: Tensor) -> Tensor:
        """Affinities of two tasks, (B, N, N) each, to the cross-task affinity (B, N, N)."""
        both = torch.stack((segmentation, saliency), dim=1)  # (B, 2, N, N)
        weights = torch.softmax(self.gate(torch.relu(self.mix(both))), dim=1)
        return (weights * both).sum(dim=1)


def propagate(affinity: Tensor, maps: Tensor) -> Tensor:
    """Apply an affinity (B, N, N) to maps (B, K, h, w), N = h * w."""
    flat = maps.flatten(2).transpose(1, 2)  # (B, N, K)
    return (affinity @ flat).transpose(1, 2).reshape(maps.shape)
