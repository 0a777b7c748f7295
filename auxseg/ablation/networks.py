"""The networks: the paper's ablation, true masks, the first labels alone, a run's own changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auxseg.config import Config, changed_config
from auxseg.errors import UserError, did_you_mean

UNCHANGED = "unchanged"
"""The run's own network once more, beside those of `ablation.changes`."""


@dataclass(frozen=True)
class Variant:
    """One network.

    Attributes:
        change: keys that make it, by section of the configuration.
        all_rounds: trained in every round; the others in the first alone.
        single_scale: predicts without multi-scale, mirror images and CRF, as the paper's tables do.
        whole_budget: trained once for as many epochs as the run in all its rounds.
    """

    change: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    all_rounds: bool = False
    single_scale: bool = True
    whole_budget: bool = False


def _branches(branches: str) -> Variant:
    return Variant({"model": {"branches": branches, "affinity": "none"}})


def _affinity(affinity: str, constraints: str, *, all_rounds: bool = False) -> Variant:
    change = {
        "model": {"branches": "all", "affinity": affinity},
        "train": {"constraints": constraints},
    }
    return Variant(change, all_rounds=all_rounds)


VARIANTS = {
    "seg": _branches("seg"),
    "seg-cls": _branches("seg+cls"),
    "seg-sal": _branches("seg+sal"),
    "all": _branches("all"),
    "seg-affinity": _affinity("seg", "seg"),
    "cross-task-seg": _affinity("cross-task", "seg"),
    "cross-task": _affinity("cross-task", "both", all_rounds=True),
    "masks": Variant({"train": {"labels": "masks"}}, single_scale=False, whole_budget=True),
    "seeds": Variant(single_scale=False, whole_budget=True),
    UNCHANGED: Variant(all_rounds=True, single_scale=False),
}


def variant_config(config: Config, name: str, seed: int) -> Config:
    """The configuration of one network: the run's own, but for what its variant sets."""
    variant = _variant(config, name)
    change: dict[str, Any] = {
        **variant.change,
        "random_seed": seed,
        "rounds": rounds_of(config, name),
    }
    if variant.single_scale:
        change["predict"] = {"scales": (1.0,), "flip": False, "use_crf": False}
    if variant.whole_budget:
        epochs = config.train.epochs * config.rounds
        change["train"] = {**change.get("train", {}), "epochs": epochs}
    return changed_config(config, change)


def rounds_of(config: Config, name: str) -> int:
    """In how many rounds a network is trained."""
    return config.rounds if _variant(config, name).all_rounds else 1


def _variant(config: Config, name: str) -> Variant:
    """The network of a name.

    Raises:
        UserError: there is none.
    """
    if name in VARIANTS:
        return VARIANTS[name]
    known = config.ablation.changes
    if name not in known:
        raise UserError(
            f"{name!r} is no network of a comparison{did_you_mean(name, [*VARIANTS, *known])}; "
            f"ablation.changes names your own."
        )
    change = known[name].model_dump()
    return Variant(change, all_rounds=True, single_scale=False)


def changes_of(config: Config) -> list[str]:
    """The networks of target `changes`: the run's own, and what changes it.

    Raises:
        UserError: one has the name of another network, or changes nothing.
    """
    named = config.ablation.changes
    if taken := sorted(named.keys() & VARIANTS.keys()):
        raise UserError(
            f"ablation.changes: {', '.join(taken)}: a network of the other comparisons has this "
            f"name; choose another."
        )
    as_it_is = variant_config(config, UNCHANGED, config.random_seed)
    for name in named:
        if variant_config(config, name, config.random_seed) == as_it_is:
            raise UserError(
                f"ablation.changes.{name}: changes nothing; set a key to another value than the "
                f"run's, or remove it."
            )
    return [UNCHANGED, *named]


def seeds_of(config: Config) -> range:
    """The seeds of the repetitions."""
    return range(config.random_seed, config.random_seed + config.ablation.seeds)
