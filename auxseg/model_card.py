"""What whoever gets a network has to know of it: inside an exported file, and as Markdown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auxseg import __version__
from auxseg.nn.network import AuxSegNet
from auxseg.report.origins import origins_of
from auxseg.report.provenance import supervision
from auxseg.report.tables import markdown, percent, read_text_table, with_variants
from auxseg.store import MapReader, file_digest

INPUT = (
    "image: (1, 3, H, W) uint8 RGB, upright, both sides at least 32 pixels; scale photographs "
    "whose longer side is above longest_side down to it. Normalisation by mean and std (of RGB in "
    "[0, 1]) is part of the network."
)
OUTPUT = (
    "probabilities: (1, C + 1, H, W) float32 in [0, 1], in the order of classes, adding up to 1. "
    "Their argmax is the single-scale segmentation."
)


def model_card(weights: Path, network: AuxSegNet, description: Mapping[str, Any]) -> dict[str, Any]:
    """The card of a multi-task network, as JSON can hold it.

    Args:
        weights: the network's file; where it lies in its run's folder, the card also has the run's
            figures and what supervised it.
        network: that was loaded from it.
        description: that the file holds.

    Raises:
        UserError: an artifact of the run is damaged.
    """
    return {
        "auxseg": __version__,
        "weights": file_digest(weights),
        "backbone": description["model"]["backbone"],
        "round": description["round"],
        "classes": ["background", *description["classes"]],
        "palette": description["palette"],
        "longest_side": description["longest_side"],
        "mean": list(network.backbone.mean),
        "std": list(network.backbone.std),
        "input": INPUT,
        "output": OUTPUT,
        "metrics": _metrics(weights.parent / "metrics.csv"),
        "supervision": _supervision(weights.resolve().parents[1]),
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
    unscored = "Not known: no figures lay beside the weights."
    untold = "Not known: the weights lay outside their run."
    return f"""# {name}

Semantic segmentation of {len(classes) - 1} classes, learnt by auxseg {card["auxseg"]}: round
{card["round"]}, backbone {card["backbone"]}, weights of SHA-256 {card["weights"]}.

## Use

- Input {card["input"]}
- Output {card["output"]}
- longest_side: {card["longest_side"]} pixels; mean {card["mean"]}; std {card["std"]}.

## Classes

{markdown(["index", "class", "colour"], classes)}

## Figures

{markdown(["split", "predicted", "images", "mIoU, %"], figures) if figures else unscored}

## What supervised it

{chr(10).join(taught) or untold}
"""


def _metrics(path: Path) -> list[dict[str, str]]:
    """MIoU of the round's predictions, by the ways of predicting; none where none were scored."""
    if not path.is_file():
        return []
    table = with_variants(read_text_table(path))
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


def _supervision(run: Path) -> dict[str, str]:
    """What taught the run's networks; nothing where the weights lie elsewhere."""
    if not (run / "index.h5").is_file():
        return {}
    with MapReader(run / "masks.h5", "masks") as masks:
        count = len(masks)
    return dict(supervision(origins_of(run, refined=(run / "round1/labels.h5").is_file()), count))
