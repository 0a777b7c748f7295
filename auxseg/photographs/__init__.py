"""Photographs without a data set around them: `auxseg predict --weights W IMAGE|FOLDER...`."""

from auxseg.photographs.finding import find_photographs
from auxseg.photographs.segmenting import segment_photographs

__all__ = ["find_photographs", "segment_photographs"]
