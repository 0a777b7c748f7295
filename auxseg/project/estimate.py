"""How long a run takes on two cores without a GPU, from what benchmarks/costs.md measured."""

from auxseg.config import Config

SECONDS = {
    "saliency": 0.188,
    "classify": 0.047,
    "cam": 0.14,
    "train": 0.0883,
    "refine": 0.359,
    "predict": 0.449,
}
"""An image (of the trainings an image and epoch), with the options of voc-animals-full.yaml."""
_SIDE, _CROP, _CAM_SCALES = 320, 224, (1.0, 1.5)
_REST = 1.05
"""Measured runs took so many times as long as these stages: index, figures, report, starts."""


def seconds_of(config: Config, train: int, predicted: int, side: int) -> float:
    """Seconds of a run with the packaged backbone and saliency model.

    Args:
        config: of the run.
        train: photographs to train on.
        predicted: photographs that each round's network segments.
        side: longest side that is typical of the photographs, before they are scaled down.
    """
    area = (min(side, config.index.longest_side or side) / _SIDE) ** 2
    views = sum(s**2 for s in config.cam.scales) / sum(s**2 for s in _CAM_SCALES)
    seconds = train * (
        SECONDS["saliency"]
        + SECONDS["classify"] * config.classify.epochs * (config.classify.crop_size / _CROP) ** 2
        + SECONDS["cam"] * views * area
    )
    seconds += config.rounds * (
        SECONDS["train"] * train * config.train.epochs * (config.train.crop_size / _CROP) ** 2
        + SECONDS["refine"] * train * area
        + SECONDS["predict"] * predicted * area
    )
    return _REST * seconds


def in_words(seconds: float) -> str:
    """`25 minutes`, `3 hours`, `2 days`: no more exact than such an estimate is."""
    for unit, length in (("day", 86_400), ("hour", 3_600)):
        if seconds >= 1.75 * length:
            return f"{round(seconds / length)} {unit}s"
    minutes = max(5, 5 * round(seconds / 300))
    return f"{minutes} minutes"
