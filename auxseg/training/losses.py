"""The losses of docs/method.md, 2: targets at crop size, logits upsampled to it bilinearly."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from auxseg.config import Balance, TrainJob
from auxseg.datasets.record import IGNORE
from auxseg.nn.network import Outputs
from auxseg.nn.resize import resize_bilinear

Losses = dict[str, Tensor]
Counts = dict[str, Tensor]
"""How many targets of each kind a batch has: what its sums are divided by."""


def count_targets(batch: Mapping[str, Tensor]) -> Counts:
    """The counts of a batch: () float32 each, of `pixels` (C + 1,), a number a label.

    A batch may be learnt in parts, in several processes or one after the other; its losses are
    means over all of it, so the counts are the whole batch's.
    """
    counts = {"images": torch.tensor(float(len(batch["classes"])), device=batch["classes"].device)}
    if "segmentation" in batch:
        labels = batch["segmentation"].flatten().long()
        counts["pixels"] = labels.bincount(minlength=256)[: batch["classes"].shape[1] + 1].float()
    if "saliency" in batch:
        counts["salient"] = (batch["saliency"] != IGNORE).sum().float()
    return counts


def classification_loss(logits: Tensor, classes: Tensor, counts: Counts) -> Tensor:
    """Multi-label soft margin of logits (B, C) and classes (B, C) of 0 and 1."""
    images = F.multilabel_soft_margin_loss(logits, classes, reduction="none")
    return images.sum() / counts["images"]


def segmentation_loss(
    logits: Tensor, labels: Tensor, counts: Counts, *, balance: Balance = "none"
) -> Tensor:
    """Cross-entropy of logits (B, C + 1, h, w) and labels (B, H, W) uint8, 255 left out.

    The mean over pixels; or of background's and foreground's own means (`background`); or of the
    own means of background and every class that the batch has (`classes`).
    """
    full = _upsample(logits, labels)
    pixels = F.cross_entropy(full, labels.long(), ignore_index=IGNORE, reduction="none")
    if balance == "none":
        return pixels.sum() / counts["pixels"].sum().clamp(min=1)
    weights = _label_weights(counts["pixels"], balance)
    return (pixels * weights[labels.long().clamp(max=len(weights) - 1)]).sum()


def _label_weights(pixels: Tensor, balance: Balance) -> Tensor:
    """What a pixel of each label weighs, (C + 1,), from how many there are."""
    if balance == "classes":
        return pixels.clamp(min=1).reciprocal() / (pixels > 0).sum().clamp(min=1)
    background, foreground = pixels[:1], pixels[1:].sum()[None]
    halves = torch.cat((background, foreground.expand(len(pixels) - 1))).clamp(min=1)
    return halves.reciprocal() / 2


def saliency_loss(logits: Tensor, salient: Tensor, counts: Counts) -> Tensor:
    """Binary cross-entropy of logits (B, 1, h, w) and (B, H, W) of 0 and 1, 255 left out."""
    full = _upsample(logits, salient).squeeze(1)
    pixels = F.binary_cross_entropy_with_logits(
        full, salient.clamp(max=1).float(), reduction="none"
    )
    return (pixels * (salient != IGNORE)).sum() / counts["salient"].clamp(min=1)


def multi_task_losses(
    outputs: Outputs, batch: Mapping[str, Tensor], counts: Counts, options: TrainJob
) -> Losses:
    """Every weighted loss by name; their sum is what training lowers.

    Args:
        outputs: of the network, for a batch or a part of it.
        batch: the targets of these outputs.
        counts: of the whole batch.
        options: weights, balance, constraints.
    """
    losses: Losses = {}
    if outputs.class_logits is not None:
        losses["classification"] = options.classification_weight * classification_loss(
            outputs.class_logits, batch["classes"], counts
        )
    dense: dict[str, tuple[Callable[[Tensor, Tensor, Counts], Tensor], float]] = {
        "segmentation": (
            partial(segmentation_loss, balance=options.balance),
            options.segmentation_weight,
        )
    }
    if outputs.saliency is not None:
        dense["saliency"] = (saliency_loss, options.saliency_weight)
    for task, (loss, weight) in dense.items():
        target = batch[task]
        initial, refined = getattr(outputs, task), getattr(outputs, f"refined_{task}")
        losses[task] = weight * loss(initial, target, counts)
        constrained = task == "segmentation" or options.constraints == "both"
        if outputs.affinity is not None and constrained:
            losses[f"refined_{task}"] = weight * loss(refined, target, counts)
    return losses


def _upsample(logits: Tensor, like: Tensor) -> Tensor:
    height, width = like.shape[-2:]
    return resize_bilinear(logits.float(), (height, width))


def total(losses: Losses) -> Tensor:
    """The sum of all losses."""
    return torch.stack(list(losses.values())).sum()
