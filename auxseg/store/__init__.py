"""Artifacts: HDF5 files of maps and tables, atomic, resumable, and known by digests."""

from auxseg.store.artifact import Header, file_digest, sha256
from auxseg.store.atomic import write_atomically
from auxseg.store.columns import read_table, write_table
from auxseg.store.map_reader import MapReader
from auxseg.store.map_writer import MapWriter, writing_together
from auxseg.store.shard import ALL, Shard

__all__ = [
    "ALL",
    "Header",
    "MapReader",
    "MapWriter",
    "Shard",
    "file_digest",
    "read_table",
    "sha256",
    "write_atomically",
    "write_table",
    "writing_together",
]
