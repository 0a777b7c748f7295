"""The dense CRF that a configuration asks for."""

from functools import partial
from typing import TYPE_CHECKING

from auxseg.config import SaliencyCrfOptions, SegmentationCrfOptions
from auxseg.ops.crf import Inference, marginals, refine_saliency, refine_segmentation
from auxseg.ops.kernels import Kernels
from auxseg.ops.postprocess import Sharpen

if TYPE_CHECKING:
    import torch

CrfOptions = SaliencyCrfOptions | SegmentationCrfOptions
_OWN_KEYS = {"engine", "temperature"}  # the others are the kernels'


def saliency_crf(options: SaliencyCrfOptions, device: "torch.device") -> Sharpen:
    """From an image and saliency to sharper saliency; engine torch computes on `device`."""
    return partial(
        refine_saliency,
        kernels=_kernels(options),
        temperature=options.temperature,
        infer=_inference(options, device, "refine.crf"),
    )


def segmentation_crf(
    options: SegmentationCrfOptions, device: "torch.device", key: str = "predict.crf"
) -> Sharpen:
    """From an image and probabilities to sharper ones.

    Args:
        options: the CRF's constants.
        device: on which engine torch computes.
        key: the section that the constants stand in, for what is wrong with them.
    """
    infer = _inference(options, device, key)
    return partial(refine_segmentation, kernels=_kernels(options), infer=infer)


def workers_beside(threads: int, *used: CrfOptions) -> int:
    """Processes for what follows the network: one a core where every CRF is pydensecrf's, else one.

    Engine torch computes where the network does, on all cores or a GPU; in several processes at
    once they would be in each other's way.

    Args:
        threads: the cores there are.
        used: the CRFs that follow.
    """
    return threads if {options.engine for options in used} == {"pydensecrf"} else 1


def _kernels(options: CrfOptions) -> Kernels:
    return Kernels(**options.model_dump(exclude=_OWN_KEYS))


def _inference(options: CrfOptions, device: "torch.device", key: str) -> Inference:
    if options.engine == "pydensecrf":
        return marginals
    from auxseg.nn import mean_field  # here: the other engine needs no torch

    return partial(mean_field.marginals, device=device, key=key)
