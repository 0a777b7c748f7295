"""Where a run's results come from: the options behind each artifact, and what supervised them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml


@dataclass(frozen=True)
class Origin:
    """What made one stage's artifact.

    Attributes:
        stage: its name.
        file: relative to the run's folder.
        options: as the artifact recorded them.
        created: when, and by which version; empty where the file does not say.
    """

    stage: str
    file: str
    options: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""

    @property
    def yaml(self) -> str:
        """The options as a block of YAML."""
        if not self.options:
            return "{}"
        return yaml.safe_dump(dict(self.options), sort_keys=False, allow_unicode=True).rstrip()


_UNSEEN = "no training here saw a pixel of them."
_UNKNOWN_USE = "whether the files that this run began with were made from them is not known here."
_UNKNOWN_TEACHER = "what taught the method that made them is not known here."
_USUAL_TEACHER = "Saliency models usually learn from pixel masks of other photographs."


def supervision(origins: Mapping[str, Origin], masks: int) -> list[tuple[str, str]]:
    """(what, sentence) for everything that taught the networks something.

    Args:
        origins: by stage.
        masks: how many images have a true mask.
    """
    options = {stage: origin.options for stage, origin in origins.items()}
    index, seed = options.get("index", {}), options.get("seed", {})
    rows = [
        ("Image labels", _image_labels(index)),
        ("Saliency", _saliency(options.get("saliency", {}), seed, index.get("dataset"))),
        ("Initial weights", _weights(options.get("classify", {}))),
        ("True masks", _masks(options, masks)),
    ]
    if (folder := seed.get("labels")) is not None:
        rows.insert(1, ("First labels", f"Files in {folder}: {_UNKNOWN_TEACHER}"))
    elif (folder := options.get("cam", {}).get("maps")) is not None:
        rows.insert(1, ("CAMs", f"Files in {folder}: {_UNKNOWN_TEACHER}"))
    return rows


def configuration(origins: Mapping[str, Origin], rounds: int, report: Mapping[str, Any]) -> str:
    """The options of all stages as one YAML file that makes the same run.

    Args:
        origins: by stage.
        rounds: of the run.
        report: options of the report itself, which leaves no artifact.
    """
    sections: dict[str, Any] = {"rounds": rounds}
    for stage, origin in origins.items():
        options = dict(origin.options)
        for name in ("model", "random_seed"):
            if name in options:
                shared = options.pop(name)
                earlier = sections.get(name, {})
                sections[name] = {**earlier, **shared} if isinstance(shared, Mapping) else shared
        sections[stage] = options
    sections["report"] = dict(report)
    return yaml.safe_dump(sections, sort_keys=False, allow_unicode=True)


def _image_labels(index: Mapping[str, Any]) -> str:
    voc = index.get("voc", {})
    sources = {
        "shapes": "known from generating the scenes",
        "voc xml": "from the VOC annotations",
        "voc csv": f"from {voc.get('labels_csv')}",
        "voc masks": "from which classes occur in the true masks",
        "coco": "from the instance annotations",
        "folder": "from labels.csv",
    }
    key = f"{index.get('dataset')} {voc.get('labels', '')}".strip()
    return f"Which classes each training photograph shows, {sources.get(key, 'by its data set')}."


def _saliency(saliency: Mapping[str, Any], seed: Mapping[str, Any], dataset: str | None) -> str:
    source = saliency.get("source", "maps")
    if source == "u2netp":
        sentence = (
            "U2-Net-P's maps, class-agnostic; that model learnt from pixel masks of salient "
            "objects (DUTS-TR), not of these classes."
        )
    elif source == "onnx":
        model = saliency.get("onnx", {}).get("model", "an ONNX file")
        sentence = f"Class-agnostic maps of the model {model}: {_UNKNOWN_TEACHER} {_USUAL_TEACHER}"
    else:
        folder = saliency.get("maps")
        place = f"from {folder}" if folder else "of the data set"
        sentence = f"Class-agnostic maps {place}: {_UNKNOWN_TEACHER} {_USUAL_TEACHER}"
        if dataset == "shapes" and not folder:
            sentence = (
                "Class-agnostic maps that the generator makes from the scenes' true outlines: "
                "blurred, bent, some animals half missed, some bushes and stones found."
            )
    if seed.get("use_saliency") is False:
        sentence += " The first pseudo labels were made without them."
    return sentence


def _weights(classify: Mapping[str, Any]) -> str:
    model = classify.get("model", {})
    backbone, weights = model.get("backbone", "The backbone"), model.get("weights", "")
    if weights == "imagenet":
        return f"{backbone}, trained on ImageNet's image labels."
    if weights == "none":
        return f"{backbone}, random: nothing learnt before."
    origin = f"from {weights}" if weights else "of unrecorded origin"
    return f"{backbone}, {origin}: what taught it is not known here."


def _masks(options: Mapping[str, Mapping[str, Any]], masks: int) -> str:
    if not masks:
        return "None in this data set."
    if options.get("train", {}).get("labels") == "masks":
        return "Trained on: this run is a ceiling to compare with, not weakly supervised."
    given = options.get("seed", {}).get("labels") or options.get("cam", {}).get("maps")
    seen = _UNKNOWN_USE if given else _UNSEEN
    if options.get("index", {}).get("voc", {}).get("labels") == "masks":
        return f"Read for the image labels and for the figures; {seen}"
    return f"Read for the figures on this page only; {seen}"
