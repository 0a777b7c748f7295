"""Feature extractors: ResNet38d, or any timm or torchvision classifier, dilated to a stride."""

import difflib
from typing import Any, cast

import timm
import torch
import torchvision
from torch import Tensor, nn

from auxseg.errors import UserError
from auxseg.nn import resnet38
from auxseg.nn.depthwise import split_dilated_depthwise
from auxseg.nn.same_padding import pad_by_whole_numbers

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_BATCH_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)
_TORCHVISION = ("resnet50", "resnet101")
_TORCHVISION_STAGES = {2: "bn1", 4: "layer1", 8: "layer2"}


class Backbone(nn.Module):
    """A dilated feature extractor and what its input must look like.

    Attributes:
        channels: K, channels of the features.
        output_stride: input pixels per feature pixel, 8 or 16.
        mean, std: of the RGB input in [0, 1] that the weights were trained with.
    """

    def __init__(
        self,
        body: nn.Module,
        *,
        channels: int,
        output_stride: int,
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
        freeze_batch_norm: bool = True,
    ) -> None:
        super().__init__()
        split_dilated_depthwise(body)
        pad_by_whole_numbers(body)
        self.body = body
        self.channels = channels
        self.output_stride = output_stride
        self.mean = mean
        self.std = std
        self._frozen_norms: list[nn.Module] = []
        if freeze_batch_norm:
            self._frozen_norms = [m for m in self.modules() if isinstance(m, _BATCH_NORMS)]
            for layer in self._frozen_norms:
                layer.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) to features (B, K, ceil(H/stride), ceil(W/stride))."""
        return self.body(images)

    def train(self, mode: bool = True) -> "Backbone":
        """Training mode, in which frozen batch norm stays in evaluation mode."""
        super().train(mode)
        for layer in self._frozen_norms:
            layer.eval()
        return self

    def freeze_up_to(self, last: str) -> None:
        """Keep the body's module named `last`, and all that stand before it, as they are.

        Raises:
            UserError: there is no such module.
        """
        reached = False
        for name, module in self.body.named_modules():
            inside = f"{name}.".startswith(f"{last}.")
            if reached and not inside:
                return
            reached = inside
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)
            if isinstance(module, _BATCH_NORMS):
                self._frozen_norms.append(module)
        if not reached:
            raise UserError(
                f"model.frozen_stride: the backbone has no module {last!r}, which it says its "
                f"layers end with there; mend its feature_info, or set the key to 1."
            )


class TimmBody(nn.Module):
    """The feature part of a timm classifier; what follows its pooling takes no part."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to features (B, K, h, w)."""
        return self.model.forward_features(images)


def build_backbone(
    name: str,
    output_stride: int | None = None,
    *,
    freeze_batch_norm: bool = True,
    frozen_stride: int = 1,
) -> Backbone:
    """A randomly initialised backbone; `imagenet.initialise_backbone` fills it.

    Args:
        name: resnet38d, a timm model name, or torchvision/resnet50, torchvision/resnet101.
        output_stride: input pixels per feature pixel, 8 or 16; None = 8 of resnet38d, 16 of others.
        freeze_batch_norm: keep batch norm's statistics and affine terms as loaded.
        frozen_stride: keep all layers up to this stride as loaded; 1 = none.

    Raises:
        UserError: unknown name, or an output stride the model cannot do.
    """
    if output_stride is None:
        output_stride = resnet38.OUTPUT_STRIDE if name == "resnet38d" else 16
    if name == "resnet38d":
        backbone = _resnet38d(output_stride, freeze_batch_norm)
        stages = resnet38.STAGES
    elif name.startswith("torchvision/"):
        backbone = _torchvision_backbone(name, output_stride, freeze_batch_norm)
        stages = _TORCHVISION_STAGES
    else:
        backbone = _timm_backbone(name, output_stride, freeze_batch_norm)
        model = cast("TimmBody", backbone.body).model
        info = reversed(getattr(model, "feature_info", ()))
        stages = {stage["reduction"]: f"model.{stage['module']}" for stage in info}
    if frozen_stride > 1:
        known = [stride for stride in stages if stride <= frozen_stride]
        if not known:
            raise UserError(
                f"model.frozen_stride: {name} tells no layer of stride {frozen_stride} or less; "
                f"set it to 1."
            )
        backbone.freeze_up_to(stages[max(known)])
    return backbone


def _resnet38d(output_stride: int, freeze_batch_norm: bool) -> Backbone:
    if output_stride != resnet38.OUTPUT_STRIDE:
        raise UserError(
            f"model.output_stride: resnet38d has stride {resnet38.OUTPUT_STRIDE} only; set it to "
            f"{resnet38.OUTPUT_STRIDE}."
        )
    backbone = Backbone(
        resnet38.ResNet38d(),
        channels=resnet38.CHANNELS,
        output_stride=output_stride,
        freeze_batch_norm=freeze_batch_norm,
    )
    backbone.freeze_up_to("stem")  # as published
    return backbone


def _torchvision_backbone(name: str, output_stride: int, freeze_batch_norm: bool) -> Backbone:
    name = name.removeprefix("torchvision/")
    if name not in _TORCHVISION:
        raise UserError(
            f"model.backbone: torchvision/{name} is not known; "
            f"use torchvision/{' or torchvision/'.join(_TORCHVISION)}, or a timm model name."
        )
    dilate = {8: [False, True, True], 16: [False, False, True]}[output_stride]
    model = getattr(torchvision.models, name)(replace_stride_with_dilation=dilate)
    layers = [(n, layer) for n, layer in model.named_children() if n not in ("avgpool", "fc")]
    body = nn.Sequential()
    for layer_name, layer in layers:
        body.add_module(layer_name, layer)
    return Backbone(
        body, channels=2048, output_stride=output_stride, freeze_batch_norm=freeze_batch_norm
    )


@torch.inference_mode(False)  # wherever it is called: its features are asked for gradients
def _timm_backbone(name: str, output_stride: int, freeze_batch_norm: bool) -> Backbone:
    if not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), n=4)
        hint = f", for instance {', '.join(close)}" if close else ""
        raise UserError(f"model.backbone: timm has no model {name!r}; use one of its names{hint}.")
    try:
        model: Any = timm.create_model(name, num_classes=0, output_stride=output_stride)
        channels, stride = _measure(model)
    except (TypeError, NotImplementedError, AssertionError, RuntimeError, ValueError) as error:
        raise UserError(
            f"model.backbone: {name} cannot be dilated to output_stride {output_stride} ({error}); "
            f"use another output_stride or backbone."
        ) from None
    if stride != output_stride:
        raise UserError(
            f"model.output_stride: {name} has stride {stride} where {output_stride} was asked for; "
            f"use another output_stride or backbone."
        )
    settings = model.pretrained_cfg
    return Backbone(
        TimmBody(model),
        channels=channels,
        output_stride=output_stride,
        mean=tuple(settings.get("mean", IMAGENET_MEAN)),
        std=tuple(settings.get("std", IMAGENET_STD)),
        freeze_batch_norm=freeze_batch_norm,
    )


def _measure(model: Any) -> tuple[int, int]:
    """(channels, stride) of the features of one small image; freezes what they do not depend on.

    Processes that train together would wait for gradients of these for ever.
    """
    side = 64
    model.eval()
    features = model.forward_features(torch.zeros(1, 3, side, side))
    if features.ndim != 4:
        raise ValueError("its features are no (B, K, h, w) map")
    features.sum().backward()
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.grad is not None)
        parameter.grad = None
    return features.shape[1], side // features.shape[2]
