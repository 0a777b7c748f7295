"""What a network makes of a photograph at several scales and mirrored, restated."""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from auxseg.datasets.index_file import Entry
from auxseg.nn.network import AuxSegNet, Outputs, normalise
from auxseg.nn.weights import load_network, save_weights
from tests.unit.small_network import save_network


def vivid_network(path: Path, classes: tuple[str, ...]) -> Path:
    """Weights of a random network whose maps differ widely from place to place."""
    network, description = load_network(save_network(path, classes))
    with torch.no_grad():
        network.segmentation.predict.weight.mul_(1000)
        network.saliency.predict.weight.mul_(300)
    save_weights(path, network, description)
    return path


@torch.inference_mode()
def mean_over_views(
    network: AuxSegNet,
    entry: Entry,
    scales: tuple[float, ...],
    flip: bool,
    maps_of: Callable[[Outputs], Tensor],
    activation: Callable[[Tensor], Tensor],
) -> Tensor:
    """Maps at the photograph's size, (K, H, W); scales are 1 or larger."""
    pixels = torch.from_numpy(entry.photograph().transpose(2, 0, 1).copy())[None]
    found = []
    for scale in scales:
        size = [round(side * scale) for side in entry.size]
        scaled = F.interpolate(pixels.float(), size=size, mode="bicubic")
        scaled = scaled.clamp(0, 255).round().to(torch.uint8)
        for mirrored in (False, True) if flip else (False,):
            shown = scaled.flip(3) if mirrored else scaled
            maps = maps_of(network(normalise(shown, network.backbone)))
            full = activation(F.interpolate(maps, size=entry.size, mode="bilinear"))
            found.append(full.flip(3) if mirrored else full)
    return torch.stack(found).mean(dim=0)[0]
