"""The eleven stages, in the order in which data flows through them."""

STAGES = (
    "index",
    "masks",
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
