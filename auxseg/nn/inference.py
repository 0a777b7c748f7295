"""A network's maps of one image of any size, averaged over scales and mirror images."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from auxseg.nn.backbones import Backbone
from auxseg.nn.network import AuxSegNet, Outputs, normalise
from auxseg.nn.precision import autocast
from auxseg.nn.resize import resize_bilinear

SMALLEST_SIDE = 32  # pixels: a smaller image is enlarged before it is shown to a network


@torch.inference_mode()
def average_maps(
    image: np.ndarray,
    backbone: Backbone,
    maps_of: Callable[[Tensor], Tensor],
    *,
    scales: Sequence[float],
    flip: bool,
    size: tuple[int, int],
    activation: Callable[[Tensor], Tensor] = torch.nn.Identity(),  # noqa: B008 - has no state
    precision: str = "32-true",
) -> np.ndarray:
    """Maps of an image, averaged over scales and, if asked for, its mirror image.

    Args:
        image: (H, W, 3) uint8 RGB.
        backbone: says how images are normalised, and where they are computed.
        maps_of: normalised images (B, 3, h, w) to maps (B, K, h', w').
        scales: factors of the image's sides.
        flip: average with the mirrored image.
        size: (height, width) of the result, to which every scale's maps are resized bilinearly.
        activation: applied to resized maps (B, K, height, width) before they are averaged.
        precision: of `maps_of`: 32-true, bf16-mixed or 16-mixed.

    Returns:
        (K, height, width) float32.
    """
    device = device_of(backbone)
    pixels = _as_batch(image, device)
    total: Tensor | float = 0.0
    for scale in scales:
        scaled = normalise(_rescale(pixels, scale), backbone)
        pair = torch.cat((scaled, scaled.flip(3))) if flip else scaled
        with autocast(precision, device):
            found = maps_of(pair)
        maps = activation(resize_bilinear(found.float(), size))  # (1 or 2, K, height, width)
        mean = (maps[0] + maps[1].flip(2)) / 2 if flip else maps[0]
        total = total + mean
    return torch.as_tensor(total / len(scales)).cpu().numpy()


def device_of(network: torch.nn.Module) -> torch.device:
    """Where a network computes."""
    return next(network.parameters()).device


def refined_maps(
    outputs: Outputs, labels: Sequence[int] | np.ndarray, *, with_saliency: bool = True
) -> Tensor:
    """Refined logits of some labels, and refined saliency in [0, 1] as far as the network has it.

    Args:
        outputs: of the network.
        labels: L of them, 0 background, k + 1 = class k.
        with_saliency: False leaves saliency out.

    Returns:
        (B, L or L + 1, h, w).
    """
    maps = outputs.refined_segmentation[:, labels]
    if not with_saliency or outputs.refined_saliency is None:
        return maps
    return torch.cat((maps, outputs.refined_saliency.sigmoid()), dim=1)


def class_probabilities(
    network: AuxSegNet,
    image: np.ndarray,
    labels: np.ndarray,
    *,
    scales: Sequence[float],
    flip: bool,
    with_saliency: bool = False,
    precision: str = "32-true",
) -> np.ndarray:
    """Refined probabilities of some labels in an image, averaged over scales and mirror images.

    Args:
        network: in evaluation mode.
        image: (H, W, 3) uint8 RGB.
        labels: L of them, 0 background, k + 1 = class k: the softmax is over these alone.
        scales: factors of the image's sides.
        flip: average with the mirrored image.
        with_saliency: one more map, of the refined saliency in [0, 1].
        precision: of the network: 32-true, bf16-mixed or 16-mixed.

    Returns:
        (L, H, W) float32 in [0, 1], or (L + 1, H, W).
    """
    return average_maps(
        image,
        network.backbone,
        lambda images: refined_maps(network(images), labels, with_saliency=with_saliency),
        scales=scales,
        flip=flip,
        size=image.shape[:2],
        activation=partial(softmax_of_first, len(labels)),
        precision=precision,
    )


@torch.inference_mode()
def dense_affinity(
    network: AuxSegNet, image: np.ndarray
) -> tuple[np.ndarray, tuple[int, int]] | None:
    """The affinity that refines a network's predictions of an image; None without one.

    Args:
        network: in evaluation mode.
        image: (H, W, 3) uint8 RGB.

    Returns:
        (N, N) float32, whose row i has the weights of what is summed for position i, and the
        (rows, columns) of the N positions.
    """
    pixels = _as_batch(image, device_of(network))
    outputs = network(normalise(pixels, network.backbone))
    if outputs.affinity is None:
        return None
    rows, columns = outputs.segmentation.shape[2:]
    return outputs.affinity.dense()[0].float().cpu().numpy(), (rows, columns)


def softmax_of_first(labels: int, maps: Tensor) -> Tensor:
    """Logits of `labels` labels, the first maps, to probabilities; the others stay as they are."""
    return torch.cat((maps[:, :labels].softmax(dim=1), maps[:, labels:]), dim=1)


def _as_batch(image: np.ndarray, device: torch.device) -> Tensor:
    """(H, W, 3) to (1, 3, H, W) on a device."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].to(device)


def _rescale(pixels: Tensor, scale: float) -> Tensor:
    scale = max(scale, SMALLEST_SIDE / min(pixels.shape[2:]))
    if scale == 1.0:
        return pixels
    height, width = (round(side * scale) for side in pixels.shape[2:])
    mode = "bicubic" if scale > 1 else "area"
    resized = F.interpolate(pixels.float(), size=(height, width), mode=mode)
    return resized.clamp(0, 255).round().to(torch.uint8)
