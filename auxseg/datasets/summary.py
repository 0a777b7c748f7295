"""What a data set holds, in words."""

from collections import Counter

from auxseg.datasets.record import Dataset


def summary(data: Dataset) -> str:
    """`3 classes: 1 cat (12 train, 4 val), ...`: a typo in a label shows."""
    counts = Counter((r.split, k) for r in data.records for k in r.labels)
    splits = list(dict.fromkeys(record.split for record in data.records))
    told = [
        f"{k + 1} {name} ({', '.join(f'{counts[split, k]} {split}' for split in splits)})"
        for k, name in enumerate(data.classes)
    ]
    masks = sum(record.mask is not None for record in data.records)
    return (
        f"{len(told)} classes, with the photographs that show each: {'; '.join(told)}\n"
        f"{masks} of {len(data.records)} photographs have a true mask"
    )
