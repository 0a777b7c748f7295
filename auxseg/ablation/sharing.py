"""Who makes what several networks would make alike: no part of a comparison is trained twice."""

from collections.abc import Iterator
from typing import Literal

from auxseg.ablation.networks import UNCHANGED, variant_config
from auxseg.config import Config, stage_options

Artifact = Literal["weights", "labels", "predictions"]


def maker(config: Config, artifact: Artifact, name: str, seed: int, round_number: int) -> str:
    """The network that makes an artifact of a round for the network `name`; "" = the run itself.

    Args:
        config: of the run.
        artifact: weights; labels, which come with saliency; or predictions.
        name: of a network that the run is compared with.
        seed: of its training.
        round_number: the artifact's.
    """
    own = variant_config(config, name, seed)
    for other, theirs in _earlier(config, name, seed):
        if _alike(own, theirs, artifact, round_number):
            return other
    return name


def _earlier(config: Config, name: str, seed: int) -> Iterator[tuple[str, Config]]:
    if seed == config.random_seed:
        yield "", config
    if name not in config.ablation.changes:
        return
    for other in (UNCHANGED, *config.ablation.changes):
        if other == name:
            return
        yield other, variant_config(config, other, seed)


def _alike(one: Config, other: Config, artifact: Artifact, number: int) -> bool:
    """Whether all that decides on an artifact is the same: options, and what the stage reads."""
    stage = {"weights": "train", "labels": "refine", "predictions": "predict"}[artifact]
    if artifact == "labels" and number == 0:  # which all networks share
        return True
    used = {"first": number == 0} if artifact == "weights" else {}
    if stage_options(one, stage, **used) != stage_options(other, stage, **used):
        return False
    if artifact == "weights":
        return _alike(one, other, "labels", number)
    return _alike(one, other, "weights", number - (artifact == "labels"))
