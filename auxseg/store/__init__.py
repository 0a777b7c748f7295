"""Artifacts: HDF5 files of maps and tables, atomic, resumable, and known by digests."""

from auxseg.store.artifact import (
    Header,
    artifact_attributes,
    file_digest,
    inputs_of,
    open_artifact,
    sha256,
)
from auxseg.store.atomic import temporary_beside, write_atomically
from auxseg.store.columns import read_table, write_table
from auxseg.store.joining import join_shards
from auxseg.store.map_reader import MapReader
from auxseg.store.map_writer import (
    MAPS_PER_PART,
    MapWriter,
    maps_in_parts,
    parts_folder,
    writing_together,
)
from auxseg.store.shard import ALL, Shard

__all__ = [
    "ALL",
    "MAPS_PER_PART",
    "Header",
    "MapReader",
    "MapWriter",
    "Shard",
    "artifact_attributes",
    "file_digest",
    "inputs_of",
    "join_shards",
    "maps_in_parts",
    "open_artifact",
    "parts_folder",
    "read_table",
    "sha256",
    "temporary_beside",
    "write_atomically",
    "write_table",
    "writing_together",
]
