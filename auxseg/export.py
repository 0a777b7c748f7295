"""Networks for other programs: `auxseg export WEIGHTS TARGET`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from auxseg.errors import UserError, listing
from auxseg.model_card import as_markdown, model_card
from auxseg.nn.end_to_end import EndToEnd, export_program, write_onnx
from auxseg.nn.weights import load_network
from auxseg.store import write_atomically
from auxseg.store.atomic import writing

CARD = "auxseg_model_card"
_SUFFIXES = (".onnx", ".pt2")
_LARGEST_DIFFERENCE = 1e-3
_CHECKED_SIZES = ((96, 131), (160, 120), (33, 77))

Run = Callable[[np.ndarray], np.ndarray]
"""From a photograph (1, 3, H, W) uint8 to probabilities (1, C + 1, H, W) float32."""


def export_network(weights: Path, target: Path) -> str:
    """Write a network as ONNX or as torch's ExportedProgram, and a model card beside it.

    The file takes one photograph of any size and holds the card as metadata; what it computes is
    compared with torch before it gets its name.

    Args:
        weights: .safetensors of a multi-task network.
        target: a file that ends in .onnx or .pt2; the card is {target}.md.

    Returns:
        What was written, in words.

    Raises:
        UserError: another kind of weights or target, a package is missing, or the file computes
            something else than the network.
    """
    if target.suffix not in _SUFFIXES:
        raise UserError(f"{target}: name a file that ends in {' or '.join(_SUFFIXES)}.")
    network, description = load_network(weights)
    card = model_card(weights, network, description)
    if target.suffix == ".onnx":
        _need("onnx", "onnxscript", "onnxruntime")
    program = export_program(network)
    temporary = target.with_name(f"tmp-{target.name}")
    with writing(temporary, target):
        if target.suffix == ".onnx":
            write_onnx(program, temporary, {CARD: json.dumps(card)})
        else:
            torch.export.save(program, temporary, extra_files={f"{CARD}.json": json.dumps(card)})
        difference = _largest_difference(EndToEnd(network).eval(), _runner(temporary))
        if difference > _LARGEST_DIFFERENCE:
            raise UserError(
                f"{target}: its probabilities differ by up to {difference:.2g} from torch's; "
                f"export with other versions of torch and onnxruntime."
            )
    page = target.with_name(f"{target.name}.md")
    write_atomically(page, as_markdown(card, target.name).encode())
    return (
        f"{target}: differs from torch by at most {difference:.1e} in "
        f"{len(_CHECKED_SIZES)} photographs of noise\n{page}: its model card"
    )


def _runner(file: Path) -> Run:
    """The exported network, as other programs run it."""
    if file.suffix == ".onnx":
        import onnxruntime  # here, as it is needed for this kind of file alone

        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        return lambda image: session.run(["probabilities"], {"image": image})[0]
    module = torch.export.load(file).module()
    return lambda image: module(torch.from_numpy(image)).numpy()


@torch.inference_mode()
def _largest_difference(network: EndToEnd, run: Run) -> float:
    draw = np.random.default_rng(0)
    differences = []
    for height, width in _CHECKED_SIZES:
        image = draw.integers(0, 256, (1, 3, height, width), dtype=np.uint8)
        expected = network(torch.from_numpy(image)).numpy()
        differences.append(float(np.abs(run(image) - expected).max()))
    return max(differences)


def _need(*packages: str) -> None:
    """Raise where packages of the extra `export` are missing."""
    from importlib.util import find_spec

    if missing := [name for name in packages if find_spec(name) is None]:
        raise listing([f"pip install {name}" for name in missing], "ONNX needs more packages")
