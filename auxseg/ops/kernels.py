"""The constants of a dense CRF."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kernels:
    """What pulls neighbouring pixels together, and how often.

    Attributes:
        iterations: of mean-field inference.
        gaussian_sxy, gaussian_compat: width in pixels and weight of the smoothness kernel.
        bilateral_sxy, bilateral_srgb, bilateral_compat: widths in pixels and in grey levels, and
            weight of the appearance kernel.
    """

    iterations: int
    gaussian_sxy: float
    gaussian_compat: float
    bilateral_sxy: float
    bilateral_srgb: float
    bilateral_compat: float
