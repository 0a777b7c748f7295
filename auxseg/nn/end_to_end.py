"""A photograph's pixels in, probabilities out: the network as other programs run it."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from auxseg.nn.inference import SMALLEST_SIDE
from auxseg.nn.network import AuxSegNet


class EndToEnd(nn.Module):
    """Normalisation, network, and the refined segmentation at the photograph's size."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: AuxSegNet) -> None:
        super().__init__()
        self.network = network
        for name in ("mean", "std"):
            values = torch.tensor(getattr(network.backbone, name)).view(1, 3, 1, 1) * 255
            self.register_buffer(name, values)

    def forward(self, image: Tensor) -> Tensor:
        """RGB (1, 3, H, W) uint8 to probabilities (1, C + 1, H, W) float32, 0 = background."""
        logits = self.network((image.float() - self.mean) / self.std).refined_segmentation
        enlarged = F.interpolate(logits, size=image.shape[2:], mode="bilinear", align_corners=False)
        return enlarged.softmax(dim=1)


def export_program(network: AuxSegNet) -> ExportedProgram:
    """The network's graph for one photograph of any size, both sides at least 32 pixels."""
    whole = EndToEnd(network.requires_grad_(False)).eval()
    example = torch.zeros(1, 3, 96, 131, dtype=torch.uint8)
    sides = {2: Dim("height", min=SMALLEST_SIDE), 3: Dim("width", min=SMALLEST_SIDE)}
    return torch.export.export(whole, (example,), dynamic_shapes=(sides,), strict=False)


def write_onnx(program: ExportedProgram, path: Path, metadata: dict[str, str]) -> None:
    """Write a program as ONNX, input `image` and output `probabilities`, with metadata."""
    model: Any = torch.onnx.export(
        program,
        dynamo=True,
        verbose=False,
        input_names=["image"],
        output_names=["probabilities"],
    )
    model.model.metadata_props.update(metadata)
    model.save(path)
