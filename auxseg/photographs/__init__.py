"""Photographs without a data set around them: `auxseg predict --weights W IMAGE|FOLDER...`."""

from auxseg.photographs.finding import find_photographs, not_read
from auxseg.photographs.segmenting import segment_photographs

__all__ = ["find_photographs", "not_read", "segment_photographs"]
