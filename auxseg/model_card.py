"""What whoever gets a network has to know of it: inside an exported file, and as Markdown."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from auxseg import __version__
from auxseg.errors import UserError
from auxseg.nn.network import AuxSegNet
from auxseg.report.figures import read_figures
from auxseg.report.origins import known_origins
from auxseg.report.provenance import Origin, supervision
from auxseg.report.tables import markdown, percent, with_variants
from auxseg.store import MapReader, artifact_attributes, file_digest, inputs_of

INPUT = (
    "image: (1, 3, H, W) uint8 RGB, upright, both sides at least 32 pixels; scale photographs "
    "whose longer side is above longest_side down to it. Normalisation by mean and std (of RGB in "
    "[0, 1]) is part of the network."
)
OUTPUT = (
    "probabilities: (1, C + 1, H, W) float32 in [0, 1], in the order of classes, adding up to 1. "
    "Their argmax is the single-scale segmentation."
)
_UNTOLD = "Not known: nothing beside the weights tells."
_TOLD_BY = {
    "Image labels": {"index"},
    "First labels": {"seed"},
    "CAMs": {"seed", "cam"},
    "Saliency": {"index", "saliency", "seed"},
    "Initial weights": {"classify"},
    "True masks": {"index", "train", "masks", "seed", "cam"},
}


def model_card(weights: Path, network: AuxSegNet, description: Mapping[str, Any]) -> dict[str, Any]:
    """The card of a multi-task network, as JSON can hold it.

    Args:
        weights: the network's file. Files of its run beside it add its figures and what supervised
            it, where they record that they belong to these weights.
        network: that was loaded from it.
        description: that the file holds.
    """
    weights = weights.resolve()  # a link lies in another folder, but is of the same run
    digest = file_digest(weights)
    return {
        "auxseg": __version__,
        "weights": digest,
        "backbone": description["model"]["backbone"],
        "round": description.get("round"),
        "classes": ["background", *description["classes"]],
        "palette": description["palette"],
        "longest_side": description["longest_side"],
        "mean": list(network.backbone.mean),
        "std": list(network.backbone.std),
        "input": INPUT,
        "output": OUTPUT,
        "metrics": _metrics(weights.parent, digest),
        "supervision": _supervision(weights.parent.parent, description),
    }


def as_markdown(card: Mapping[str, Any], name: str) -> str:
    """The card as a page.

    Args:
        card: as `model_card` makes it.
        name: of the exported file.
    """
    colours = zip(card["classes"], card["palette"], strict=True)
    classes = [(str(i), c, f"rgb{tuple(rgb)}") for i, (c, rgb) in enumerate(colours)]
    figures = [(m["split"], m["variant"], m["images"], percent(m["miou"])) for m in card["metrics"]]
    taught = [f"- {what}: {sentence}" for what, sentence in card["supervision"].items()]
    unscored = "Not known: no figures of the network lay beside the weights."
    learnt = "not known" if card["round"] is None else card["round"]
    return f"""# {name}

Semantic segmentation of {len(classes) - 1} classes, exported by auxseg {card["auxseg"]}: round
{learnt}, backbone {card["backbone"]}, weights of SHA-256 {card["weights"]}.

## Use

- Input {card["input"]}
- Output {card["output"]}
- longest_side: {card["longest_side"]} pixels; mean {card["mean"]}; std {card["std"]}.

## Classes

{markdown(["index", "class", "colour"], classes)}

## Figures

{markdown(["split", "predicted", "images", "mIoU, %"], figures) if figures else unscored}

## What supervised it

{chr(10).join(taught)}
"""


def _metrics(folder: Path, weights: str) -> list[dict[str, str]]:
    """MIoU of the predictions of these weights, by the ways of predicting; none where not known.

    Args:
        folder: of the round.
        weights: their digest.
    """
    figures, predictions = folder / "metrics.csv", folder / "predictions.h5"
    try:
        table = with_variants(read_figures(figures))
        made_by = inputs_of(artifact_attributes(predictions)).get("weights")
    except UserError:
        return []
    if made_by != weights or figures.stat().st_mtime_ns < predictions.stat().st_mtime_ns:
        return []
    rows = table[(table["subject"] == "predictions") & (table["metric"] == "miou")]
    return [
        {
            "split": str(row["split"]),
            "variant": str(row["variant"]),
            "images": str(row["images"]),
            "miou": str(row["value"]),
        }
        for _, row in rows.iterrows()
    ]


def _supervision(run: Path, description: Mapping[str, Any]) -> dict[str, str]:
    """What taught the network, and of what no file in its run's folder tells."""
    is_its_run = _holds_its_index(run, description)
    origins = known_origins(run) if is_its_run else {}
    origins.pop("train", None)  # of round 0; this network's own options are at hand
    if "labels" in (options := description.get("options", {})):
        origins["train"] = Origin("train", "", options)
    known, masks = set(origins), 1
    if is_its_run:
        with suppress(UserError), MapReader(run / "masks.h5", "masks") as reader:
            known, masks = known | {"masks"}, len(reader)
    needed = dict(_TOLD_BY)
    if options.get("labels") == "masks":
        needed["True masks"], masks = set(), max(masks, 1)
    if "seed" in origins and origins["seed"].options.get("labels") is not None:
        needed["CAMs"] = set()  # first labels from files need none
        needed["True masks"] = needed["True masks"] - {"cam"}
    untold = [what for what, stages in needed.items() if not stages <= known]
    return {**dict(supervision(origins, masks)), **dict.fromkeys(untold, _UNTOLD)}


def _holds_its_index(run: Path, description: Mapping[str, Any]) -> bool:
    """Whether a folder's index.h5 is the one that the weights learnt from."""
    with suppress(UserError):
        return file_digest(run / "index.h5") == description.get("inputs", {}).get("index")
    return False
