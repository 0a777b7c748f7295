"""Joins what shards wrote into one artifact: a file that can be moved, and needs them no more.

What a map takes on disk is copied as it is, compressed, once its digest was found to fit.
"""

from collections.abc import Iterable
from pathlib import Path

from auxseg.errors import UserError
from auxseg.store.artifact import Header, new_artifact, open_artifact, reading
from auxseg.store.map_writer import remove_leftovers
from auxseg.store.maps import GROUP, copy_maps, key_of
from auxseg.store.shard import Shard


def join_shards(path: Path, header: Header, shard: Shard, ids: Iterable[str]) -> None:
    """Write the artifact that one process would have written of all images.

    What an interrupted run left of it, as a whole or in another number of shards, is removed.

    Args:
        path: the final name.
        header: of the artifact.
        shard: how many there are.
        ids: of all images.

    Raises:
        UserError: a shard is missing, damaged, or of other options or inputs; or lacks an image.
    """
    with new_artifact(path, header, GROUP) as (maps, digests):
        for part in shard.each():
            file = part.file(path)
            source, attributes = open_artifact(file)
            with source, reading(file):
                if not part.fits(attributes, header):
                    raise UserError(
                        f"{file}: a shard made with other options or inputs; "
                        f"delete it and run it again."
                    )
                digests |= copy_maps(source[GROUP], maps)
        for image_id in ids:
            if key_of(image_id) not in digests:
                raise UserError(
                    f"{path}: no shard holds a map of image {image_id!r}; "
                    f"delete {path.parent / 'shards'} and run them again."
                )
    remove_leftovers(path, shard)
