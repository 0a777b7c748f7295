"""The ten stages, in the order in which data flows through them."""

STAGES = (
    "index",
    "saliency",
    "classify",
    "cam",
    "seed",
    "train",
    "refine",
    "predict",
    "evaluate",
    "report",
)
