"""The heads on the shared features: classification, and one dense branch a dense task."""

from torch import Tensor, nn

from auxseg.nn.affinity import Affinity, TaskAffinity
from auxseg.nn.dropout import ChannelDropout


class ClassificationHead(nn.Module):
    """Dropout, global average pool and a 1x1 convolution without bias (docs/method.md, 1)."""

    def __init__(self, channels: int, num_classes: int, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.dropout = ChannelDropout(dropout)
        self.classifier = nn.Conv2d(channels, num_classes, 1, bias=False)
        nn.init.xavier_uniform_(self.classifier.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, K, h, w) to class logits (B, C)."""
        pooled = self.dropout(features).mean(dim=(2, 3), keepdim=True)
        return self.classifier(pooled).flatten(1)

    def cam(self, features: Tensor) -> Tensor:
        """Class activation maps (B, C, h, w): the classifier at every position, unbounded."""
        return self.classifier(features)


class DenseBranch(nn.Module):
    """Task features with growing dilation, enhanced by the task's affinity (docs/method.md, 1).

    Args:
        channels: K, of the backbone's features.
        outputs: logits of the task: C + 1 for segmentation, 1 for saliency.
        dense_channels: D.
        output_stride: input pixels per feature pixel. The published dilations 6, 12 and 18 belong
            to stride 8; at 16 they are halved, so that they span the same pixels of the image.
        with_affinity: False leaves the task affinity and the enhancement out.
        with_unary: the enhancement has a unary affinity, too.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        dense_channels: int = 128,
        output_stride: int = 8,
        with_affinity: bool = True,
        with_unary: bool = False,
    ) -> None:
        super().__init__()
        first, second, third = (dilation * 8 // output_stride for dilation in (6, 12, 18))
        self.reduce = _dilated(channels, dense_channels, first)
        self.widen = _dilated(dense_channels, dense_channels, second)
        self.affinity = (
            TaskAffinity(dense_channels, with_unary=with_unary) if with_affinity else None
        )
        self.decode = _dilated(dense_channels, dense_channels, third)
        self.predict = nn.Conv2d(dense_channels, outputs, 1, bias=False)
        nn.init.xavier_uniform_(self.predict.weight)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> tuple[Tensor, Affinity | None]:
        """Features (B, K, h, w) to initial logits (B, outputs, h, w) and affinity (B, N, N)."""
        task_features = self.relu(self.widen(self.relu(self.reduce(features))))
        affinity = None
        if self.affinity is not None:
            task_features, affinity = self.affinity(task_features)
        return self.predict(self.relu(self.decode(task_features))), affinity


def _dilated(inputs: int, outputs: int, dilation: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.constant_(layer.bias, 0.0)  # type: ignore[arg-type]
    return layer
