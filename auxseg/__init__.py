"""Weakly supervised semantic segmentation from image-level labels, after AuxSegNet (ICCV 2021)."""

__version__ = "0.1.0"
