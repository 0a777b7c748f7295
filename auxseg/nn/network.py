"""The multi-task network of AuxSegNet: one backbone, up to three tasks, a cross-task affinity."""

from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor, nn

from auxseg.description import AffinityKind, Branches
from auxseg.errors import UserError
from auxseg.nn.affinity import Affinity, CrossTaskAffinity
from auxseg.nn.backbones import Backbone, build_backbone
from auxseg.nn.branches import ClassificationHead, DenseBranch


@dataclass  # not frozen: Fabric's precision conversion assigns to the fields
class Outputs:
    """What the network says of a batch; h x w is the backbone's grid, N = h * w.

    Attributes:
        class_logits: (B, C), None without the classification branch.
        cam: (B, C, h, w), unbounded, None without the classification branch.
        segmentation, refined_segmentation: (B, C + 1, h, w) logits, index 0 = background.
        saliency, refined_saliency: (B, 1, h, w) logits, None without the saliency branch.
        affinity: that refined them, transposed where the network does so; `affinity.dense()` is
            all of it, (B, N, N). None without one: then the refined logits are the initial ones.
    """

    class_logits: Tensor | None
    cam: Tensor | None
    segmentation: Tensor
    refined_segmentation: Tensor
    saliency: Tensor | None
    refined_saliency: Tensor | None
    affinity: Affinity | None

    def propagate(self, maps: Tensor) -> Tensor:
        """Apply the network's affinity to any maps (B, K, h, w); without one, maps stay as are."""
        return maps if self.affinity is None else self.affinity.apply(maps)


class Classifier(nn.Module):
    """The backbone with the classification branch alone: what round 0 starts from."""

    def __init__(self, backbone: Backbone, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.classification = ClassificationHead(backbone.channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) to class logits (B, C)."""
        return self.classification(self.backbone(images))

    def cam(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) to class activation maps (B, C, h, w), unbounded."""
        return self.classification.cam(self.backbone(images))


class AuxSegNet(nn.Module):
    """Segmentation, saliency and classification with affinity refinement (docs/method.md, 1)."""

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        branches: Branches = "all",
        affinity: AffinityKind = "cross-task",
        dense_channels: int = 128,
        transpose_affinity: bool = False,
    ) -> None:
        super().__init__()
        _refuse_what_is_no_network(branches, affinity)
        self.backbone = backbone
        self.transpose_affinity = transpose_affinity
        shared: dict[str, Any] = {
            "dense_channels": dense_channels,
            "output_stride": backbone.output_stride,
            "with_unary": affinity == "dual",
        }
        is_cross_task = affinity in ("cross-task", "dual")
        self.classification = (
            ClassificationHead(backbone.channels, num_classes)
            if branches in ("seg+cls", "all")
            else None
        )
        self.segmentation = DenseBranch(
            backbone.channels,
            num_classes + 1,
            with_affinity=is_cross_task or affinity == "seg",
            **shared,
        )
        self.saliency = (
            DenseBranch(
                backbone.channels, 1, with_affinity=is_cross_task or affinity == "sal", **shared
            )
            if branches in ("seg+sal", "all")
            else None
        )
        self.cross_task = CrossTaskAffinity() if is_cross_task else None

    def forward(self, images: Tensor) -> Outputs:
        """Normalised images (B, 3, H, W) to all outputs."""
        features = self.backbone(images)
        class_logits = cam = saliency = saliency_affinity = None
        if self.classification is not None:
            class_logits = self.classification(features)
            cam = self.classification.cam(features)
        segmentation, segmentation_affinity = self.segmentation(features)
        if self.saliency is not None:
            saliency, saliency_affinity = self.saliency(features)

        if self.cross_task is not None:
            affinity = self.cross_task(segmentation_affinity, saliency_affinity)
        else:
            affinity = segmentation_affinity if saliency_affinity is None else saliency_affinity
        if affinity is not None and self.transpose_affinity:
            affinity = affinity.transpose()
        refined = [logits for logits in (segmentation, saliency) if logits is not None]
        if affinity is not None:  # applied once: its rows may have to be made anew each time
            channels = [logits.shape[1] for logits in refined]
            refined = list(affinity.apply(torch.cat(refined, dim=1)).split(channels, dim=1))
        return Outputs(
            class_logits=class_logits,
            cam=cam,
            segmentation=segmentation,
            refined_segmentation=refined[0],
            saliency=saliency,
            refined_saliency=None if saliency is None else refined[1],
            affinity=affinity,
        )


def build_network(
    backbone: str,
    num_classes: int,
    *,
    output_stride: int | None = None,
    branches: Branches = "all",
    affinity: AffinityKind = "cross-task",
    transpose_affinity: bool = False,
    dense_channels: int = 128,
    freeze_batch_norm: bool = True,
    frozen_stride: int = 1,
) -> AuxSegNet:
    """The multi-task network with random weights.

    Args:
        backbone: resnet38d, a timm model name, or torchvision/resnet50, torchvision/resnet101.
        num_classes: C, foreground classes.
        output_stride: input pixels per feature pixel, 8 or 16; None = 8 of resnet38d, 16 of others.
        branches: seg, seg+cls, seg+sal or all.
        affinity: none, seg, sal, cross-task or dual (cross-task with AuxSegNet+'s unary affinity in
            the features): which affinity refines the dense predictions.
        transpose_affinity: transpose the affinity before it is applied, as the paper writes it; the
            paper's reference code does not.
        dense_channels: D, channels of the dense branches.
        freeze_batch_norm: keep the backbone's batch norm as loaded.
        frozen_stride: keep the backbone's layers up to this stride as loaded; 1 = none.

    Raises:
        UserError: unknown backbone, branches or affinity, an output stride the backbone cannot do,
            or an affinity of a branch that is not there.
    """
    body = build_backbone(
        backbone,
        output_stride,
        freeze_batch_norm=freeze_batch_norm,
        frozen_stride=frozen_stride,
    )
    return AuxSegNet(
        body,
        num_classes,
        branches=branches,
        affinity=affinity,
        dense_channels=dense_channels,
        transpose_affinity=transpose_affinity,
    )


def _refuse_what_is_no_network(branches: str, affinity: str) -> None:
    for key, value, kind in (
        ("branches", branches, Branches),
        ("affinity", affinity, AffinityKind),
    ):
        if value not in get_args(kind):
            known = ", ".join(get_args(kind))
            raise UserError(f"{key}: {value!r} is not known; use one of {known}.")
    if affinity in ("sal", "cross-task", "dual") and branches not in ("seg+sal", "all"):
        raise UserError(
            f"affinity: {affinity!r} needs the saliency branch; set branches to 'seg+sal' or "
            f"'all', or affinity to 'none' or 'seg'."
        )


def normalise(images: Tensor, backbone: Backbone) -> Tensor:
    """RGB images (B, 3, H, W) uint8 to what the backbone wants: float32, channels last.

    Raises:
        UserError: images of another type.
    """
    if images.dtype != torch.uint8:
        raise UserError(
            f"images must be uint8 RGB in [0, 255], not {images.dtype}; leave their normalisation "
            f"to this function."
        )
    mean = torch.tensor(backbone.mean, device=images.device).view(1, 3, 1, 1) * 255
    std = torch.tensor(backbone.std, device=images.device).view(1, 3, 1, 1) * 255
    return ((images.float() - mean) / std).contiguous(memory_format=torch.channels_last)
