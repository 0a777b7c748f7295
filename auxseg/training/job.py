"""One training from options to a weights file: what stages classify and train have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auxseg.config import TrainingOptions, to_json
from auxseg.nn.network import AuxSegNet, Classifier
from auxseg.nn.weights import save_weights
from auxseg.runtime import Runtime
from auxseg.store import Header
from auxseg.training.learner import LossesOf
from auxseg.training.loop import Paths, fit
from auxseg.training.samples import CropDataset


def train_and_save(
    network: AuxSegNet | Classifier,
    dataset: CropDataset,
    losses_of: LossesOf,
    options: TrainingOptions,
    description: Mapping[str, Any],
    *,
    weights: Path,
    history: Path,
    runtime: Runtime,
) -> None:
    """Train a network, write it with its description, and remove the checkpoint.

    Args:
        network: on the CPU; trained in place.
        dataset: crops to train on.
        losses_of: what it is trained on.
        options: all that the stage reads; they are added to the description.
        description: of the weights: its `kind` and `inputs` (name -> SHA-256) also decide which
            interrupted training may be continued.
        weights: the file to write.
        history: CSV of the losses, a row a step.
        runtime: threads and device.

    Raises:
        UserError: a loss became NaN or infinite.
    """
    header = Header(description["kind"], to_json(options), description["inputs"])
    paths = Paths.beside(weights, history)
    leads = fit(
        network,
        dataset,
        losses_of,
        options,
        fingerprint=header.fingerprint(),
        paths=paths,
        runtime=runtime,
    )
    if leads:
        save_weights(weights, network, {**description, "options": options.model_dump(mode="json")})
        paths.checkpoint.unlink(missing_ok=True)
