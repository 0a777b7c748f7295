"""The losses of docs/method.md, 2: targets at crop size, logits upsampled to it bilinearly."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from auxseg.config import TrainJob
from auxseg.datasets.record import BACKGROUND, IGNORE
from auxseg.nn.network import Outputs

Losses = dict[str, Tensor]


def classification_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Multi-label soft margin of logits (B, C) and classes (B, C) of 0 and 1."""
    return F.multilabel_soft_margin_loss(logits, classes)


def segmentation_loss(logits: Tensor, labels: Tensor, *, balanced: bool = False) -> Tensor:
    """Cross-entropy of logits (B, C + 1, h, w) and labels (B, H, W) uint8, 255 left out.

    Balanced, it is the mean of background's and foreground's own means.
    """
    full = _upsample(logits, labels)
    pixels = F.cross_entropy(full, labels.long(), ignore_index=IGNORE, reduction="none")
    if not balanced:
        return _mean(pixels, labels != IGNORE)
    background, foreground = labels == BACKGROUND, (labels != BACKGROUND) & (labels != IGNORE)
    return (_mean(pixels, background) + _mean(pixels, foreground)) / 2


def saliency_loss(logits: Tensor, salient: Tensor) -> Tensor:
    """Binary cross-entropy of logits (B, 1, h, w) and (B, H, W) of 0 and 1, 255 left out."""
    full = _upsample(logits, salient).squeeze(1)
    known = salient != IGNORE
    pixels = F.binary_cross_entropy_with_logits(
        full, salient.clamp(max=1).float(), reduction="none"
    )
    return _mean(pixels, known)


def multi_task_losses(outputs: Outputs, batch: Mapping[str, Tensor], options: TrainJob) -> Losses:
    """Every weighted loss by name; their sum is what training lowers."""
    losses: Losses = {}
    if outputs.class_logits is not None:
        losses["classification"] = options.classification_weight * classification_loss(
            outputs.class_logits, batch["classes"]
        )
    dense: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], float]] = {
        "segmentation": (
            partial(segmentation_loss, balanced=options.balance_background),
            options.segmentation_weight,
        )
    }
    if outputs.saliency is not None:
        dense["saliency"] = (saliency_loss, options.saliency_weight)
    for task, (loss, weight) in dense.items():
        target = batch[task]
        initial, refined = getattr(outputs, task), getattr(outputs, f"refined_{task}")
        losses[task] = weight * loss(initial, target)
        constrained = task == "segmentation" or options.constraints == "both"
        if outputs.affinity is not None and constrained:
            losses[f"refined_{task}"] = weight * loss(refined, target)
    return losses


def _mean(pixels: Tensor, chosen: Tensor) -> Tensor:
    """The mean over chosen pixels; 0 where there are none."""
    return (pixels * chosen).sum() / chosen.sum().clamp(min=1)


def _upsample(logits: Tensor, like: Tensor) -> Tensor:
    size = like.shape[-2:]
    return F.interpolate(logits.float(), size=size, mode="bilinear", align_corners=False)


def total(losses: Losses) -> Tensor:
    """The sum of all losses."""
    return torch.stack(list(losses.values())).sum()
