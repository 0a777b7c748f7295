"""Images a second on one device: training and prediction, beside the plain form.

    .venv/bin/python benchmarks/gpu.py                      # on a GPU, or what there is
    .venv/bin/python benchmarks/gpu.py --device cpu --side 96 --backbone test_efficientnet

The plain form computes in float32 (convolutions in TF32, PyTorch's default), channels first, image
by image, in whatever order is fastest; ours as the workflow does: in bf16-mixed, and the same from
the same. Medians of rounds in which they take turns; made-up images. Writes benchmarks/gpu.md.
"""

import argparse
import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from measure import ROUNDS, in_turns, machine
from torch.utils.flop_counter import FlopCounterMode

from auxseg.config import TrainJob
from auxseg.nn import AuxSegNet, build_network
from auxseg.nn.folding import fold_batch_norm
from auxseg.nn.inference import class_probabilities
from auxseg.nn.network import normalise
from auxseg.report.tables import markdown
from auxseg.runtime import Runtime, make_fabric
from auxseg.training.learner import Learner
from auxseg.training.losses import count_targets, multi_task_losses, total

BACKBONES = {"resnet38d": 8, "tf_efficientnet_lite0": 16}  # and their output strides
CLASSES, BATCHES = 20, (8, 32)
SCALES = (0.75, 1.0, 1.25)
PEAKS = {"H100": 989, "H200": 989, "A100": 312, "4090": 165}  # TFLOP/s in bfloat16, dense


def main() -> None:
    """Measure every backbone and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--side", type=int, default=321, help="of crops; photographs have 1.5 x it")
    parser.add_argument("--backbone", action="append", help="as often as you like")
    parser.add_argument("--page", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    runtime = Runtime(torch.get_num_threads(), arguments.device)
    device = make_fabric(runtime).device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"
    rows = []
    for backbone in arguments.backbone or BACKBONES:
        stride = BACKBONES.get(backbone, 16)
        for batch in BATCHES:
            measured = training(backbone, stride, batch, arguments.side, runtime)
            rows.append(row(f"{backbone}, training, batches of {batch}", *measured, name))
        measured = prediction(backbone, stride, arguments.side, device)
        rows.append(row(f"{backbone}, prediction", *measured, name))
    page = document(rows, name, arguments.side)
    arguments.page.write_text(page, encoding="utf-8")
    print(page)


def row(what: str, plain: float, ours: float, operations: float, name: str) -> list[str]:
    """Images a second of both forms, their ratio, and the share of the device's peak."""
    peak = next((value for key, value in PEAKS.items() if key in name), None)
    rate = ours * operations / 1e12
    share = f", {100 * rate / peak:.0f} % of its peak" if peak else ""
    return [what, f"{plain:.3g}/s", f"{ours:.3g}/s", f"{ours / plain:.1f} x", f"{rate:.3g}{share}"]


def training(
    backbone: str, stride: int, size: int, side: int, runtime: Runtime
) -> tuple[float, float, float]:
    """Images a second of both forms, and operations an image."""
    options = TrainJob(batch_size=size, crop_size=side, precision="bf16-mixed")
    learner = Learner(network_of(backbone, stride), losses_of, options, runtime)
    learner.train()
    device = learner.fabric.device
    plain = network_of(backbone, stride).to(device).train()
    optimiser = torch.optim.SGD(plain.parameters(), lr=1e-3, momentum=0.9)
    batch = made_up_batch(size, side)

    @as_most_code_runs()
    def plainly() -> None:
        here = {key: value.to(device) for key, value in batch.items()}
        images = normalise(here["image"], plain.backbone).contiguous()
        optimiser.zero_grad()
        total(losses_of(plain, images, here, count_targets(here))).backward()
        optimiser.step()

    with FlopCounterMode(display=False) as counter:
        plainly()
    seconds = in_turns(plainly, lambda: learner.step(batch, 0.5, 0), wait=waiting_for(device))
    rates = [size / value for value in seconds]
    return rates[0], rates[1], counter.get_total_flops() / size


def prediction(
    backbone: str, stride: int, side: int, device: torch.device
) -> tuple[float, float, float]:
    """Images a second of both forms at three scales and mirrored, and operations an image."""
    network = network_of(backbone, stride).eval()
    plain = network_of(backbone, stride).to(device).eval()
    fold_batch_norm(network)
    network.to(device).to(memory_format=torch.channels_last)
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (int(1.15 * side), int(1.5 * side), 3), dtype=np.uint8)
    labels = np.arange(CLASSES + 1)
    ours = partial(
        class_probabilities,
        network,
        image,
        labels,
        scales=SCALES,
        flip=True,
        precision="bf16-mixed",
    )
    plainly = partial(plain_prediction, plain, image)
    with FlopCounterMode(display=False) as counter:
        plainly()
    seconds = in_turns(plainly, ours, wait=waiting_for(device))
    return 1 / seconds[0], 1 / seconds[1], counter.get_total_flops()


@contextlib.contextmanager
def as_most_code_runs() -> Iterator[None]:
    """The fastest algorithm, whether or not it gives the same twice."""
    strict = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=True)
        torch.backends.cudnn.benchmark = False


@as_most_code_runs()
@torch.no_grad()
def plain_prediction(network: AuxSegNet, image: np.ndarray) -> np.ndarray:
    """Probabilities (C + 1, H, W), a pass for each scale and mirror image."""
    device = next(network.parameters()).device
    found = []
    for scale in SCALES:
        pixels = torch.from_numpy(image.transpose(2, 0, 1).copy())[None].to(device)
        scaled = F.interpolate(pixels.float(), scale_factor=scale, mode="bilinear")
        for mirrored in (False, True):
            seen = scaled.flip(3) if mirrored else scaled
            outputs = network(normalise(seen.to(torch.uint8), network.backbone).contiguous())
            logits = F.interpolate(outputs.refined_segmentation, image.shape[:2], mode="bilinear")
            probabilities = logits.softmax(dim=1)[0].cpu().double().numpy()
            found.append(probabilities[:, :, ::-1] if mirrored else probabilities)
    return np.mean(found, axis=0)


def losses_of(network, images, batch, counts):
    """As stage train has them."""
    return multi_task_losses(network(images), batch, counts, TrainJob())


def network_of(backbone: str, stride: int) -> AuxSegNet:
    """With random weights."""
    torch.manual_seed(0)
    return build_network(backbone, CLASSES, output_stride=stride)


def made_up_batch(size: int, side: int) -> dict[str, torch.Tensor]:
    """A batch as the loader gives it."""
    draw = np.random.default_rng(0)
    grid = (size, side, side)
    return {
        "image": torch.from_numpy(draw.integers(0, 256, (size, 3, side, side), dtype=np.uint8)),
        "classes": torch.from_numpy(draw.integers(0, 2, (size, CLASSES)).astype(np.float32)),
        "segmentation": torch.from_numpy(draw.integers(0, CLASSES + 1, grid, dtype=np.uint8)),
        "saliency": torch.from_numpy(draw.integers(0, 2, grid, dtype=np.uint8)),
        "seed": torch.arange(size),
    }


def waiting_for(device: torch.device) -> Callable[[], object]:
    """What ends when a device has done all that was begun on it."""
    if device.type != "cuda":
        return lambda: None
    return partial(torch.cuda.synchronize, device)


def document(rows: list[list[str]], name: str, side: int) -> str:
    """The page of results, Markdown."""
    header = ["", "plain form", "ours", "ratio", "TFLOP/s of ours"]
    return f"""# On {name}

`.venv/bin/python benchmarks/gpu.py` on {machine()}.

Crops of {side} pixels, with {CLASSES} classes; photographs of
{int(1.5 * side)} x {int(1.15 * side)} pixels at three scales and mirrored. Medians of {ROUNDS}
rounds in turns; the plain form in float32 (convolutions in TF32), channels first, image by image,
by whatever algorithm is fastest; ours in bf16-mixed, channels last, the same from the same.

{markdown(header, rows)}
"""


if __name__ == "__main__":
    main()
