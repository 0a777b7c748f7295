"""Sections model, classify and train: the network and how it learns."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from auxseg.config.base import PRECISIONS, Precision, Section, Threshold


def _whole_number(value: Any) -> Any:
    """Snakemake's --config hands over every nested value as text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


LARGEST_SEED = 10**6
OutputStride = Annotated[Literal[8, 16], BeforeValidator(_whole_number)]
FrozenStride = Annotated[Literal[1, 2, 4, 8], BeforeValidator(_whole_number)]
Balance = Literal["none", "background", "classes"]


class BackboneOptions(Section):
    """The feature extractor shared by the classifier and the multi-task network."""

    backbone: str = Field(
        "tf_efficientnet_lite0",
        description="resnet38d (as published), a timm model name, torchvision/resnet50 or "
        "torchvision/resnet101",
    )
    output_stride: OutputStride = Field(16, description="input pixels per feature pixel")
    weights: str = Field(
        "imagenet",
        description="imagenet (packaged, cached, or downloaded), none (random), "
        "or the path of a state dict: .safetensors, .pth, or ResNet38d's .params of MXNet",
    )
    freeze_batch_norm: bool = Field(
        True, description="batch norm keeps its statistics and affine terms (as published)"
    )
    frozen_stride: FrozenStride = Field(
        1, description="layers up to this stride stay as loaded; 1 = none"
    )

    @model_validator(mode="after")
    def _resnet38d_is_as_published(self) -> Self:
        if self.backbone == "resnet38d" and self.output_stride != 8:
            raise ValueError("backbone 'resnet38d' has stride 8 only; set output_stride to 8")
        if self.backbone == "resnet38d" and self.weights == "imagenet":
            raise ValueError(
                "no ImageNet weights of 'resnet38d' come with a package; set weights to a "
                "checkpoint's path, or to none"
            )
        return self


class ModelOptions(BackboneOptions):
    """The multi-task network (docs/method.md, 1)."""

    branches: Literal["seg", "seg+cls", "seg+sal", "all"] = Field(
        "all", description="tasks beside segmentation: classification, saliency, or both"
    )
    affinity: Literal["none", "seg", "sal", "cross-task", "dual"] = Field(
        "cross-task",
        description="which affinity refines the dense predictions; dual = cross-task, with "
        "AuxSegNet+'s unary affinity in the features",
    )
    transpose_affinity: bool = Field(
        False, description="transpose the affinity before it is applied, as the paper writes"
    )
    dense_channels: int = Field(128, ge=8, description="D, channels of the dense branches")

    @property
    def has_classification(self) -> bool:
        """Whether the network has class logits and CAMs."""
        return self.branches in ("seg+cls", "all")

    @model_validator(mode="after")
    def _affinity_has_its_branch(self) -> "ModelOptions":
        has_saliency = self.branches in ("seg+sal", "all")
        if self.affinity in ("sal", "cross-task", "dual") and not has_saliency:
            raise ValueError(
                f"affinity {self.affinity!r} needs the saliency branch; "
                f"set branches to 'seg+sal' or 'all', or affinity to 'none' or 'seg'"
            )
        return self


class TrainingOptions(Section):
    """What the classifier and the multi-task network share in training (docs/method.md, 3)."""

    section: ClassVar[str]  # of the configuration, for messages

    epochs: int = Field(10, ge=1, description="passes over the training images")
    batch_size: int = Field(8, ge=1, description="images a step")
    accumulate: int = Field(
        1,
        ge=1,
        description="parts that a step takes one after the other: less memory, and the same step "
        "while batch norm is frozen",
    )
    learning_rate: float = Field(2e-3, gt=0, description="initial rate of the backbone")
    head_rate_factor: float = Field(10.0, gt=0, description="rate of new layers / backbone's")
    momentum: float = Field(0.9, ge=0, lt=1, description="of SGD")
    weight_decay: float = Field(1e-4, ge=0, description="L2 penalty")
    poly_power: float = Field(0.9, ge=0, description="rate = initial * (1 - step/steps)^power")
    crop_size: int = Field(224, ge=32, description="side of the square training crop, pixels")
    min_scale: float = Field(0.7, gt=0, description="smallest random scale, of each image")
    max_scale: float = Field(1.3, gt=0, description="largest random scale, of each image")
    scale_per_batch: bool = Field(
        False, description="draw one scale a batch, as the reference code does, not one an image"
    )
    flip: bool = Field(True, description="mirror every other image")
    color_jitter: Threshold = Field(
        0.3, description="strength of random brightness, contrast and saturation"
    )
    clip_gradient: float = Field(10.0, ge=0, description="largest gradient norm; 0 = no limit")
    ema_decay: float = Field(
        0.0, ge=0, lt=1, description="of the moving average of weights that is kept; 0 = the last"
    )
    precision: Precision = Field(
        "32-true", description=f"Fabric's name of the number format; {PRECISIONS}"
    )
    compile: bool = Field(
        False,
        description="torch.compile the network, which takes a C++ compiler and minutes at the "
        "start: worth it where a GPU trains for hours",
    )

    @model_validator(mode="after")
    def _scales_in_order(self) -> "TrainingOptions":
        if self.min_scale > self.max_scale:
            raise ValueError(f"min_scale {self.min_scale} is above max_scale {self.max_scale}")
        return self


class ClassifyOptions(TrainingOptions):
    """Training of the classification branch alone."""

    section: ClassVar[str] = "classify"


class TrainOptions(TrainingOptions):
    """Training of the multi-task network in every round."""

    section: ClassVar[str] = "train"

    classification_weight: float = Field(1.0, ge=0, description="of the classification loss")
    saliency_weight: float = Field(1.0, ge=0, description="of both saliency losses")
    segmentation_weight: float = Field(1.0, ge=0, description="of both segmentation losses")
    balance: Balance = Field(
        "none",
        description="what weighs the same in each batch's segmentation loss, however many pixels "
        "it has: every pixel, background and foreground, or background and every class",
    )
    padding: Literal["ignored", "background"] = Field(
        "ignored", description="what lies beyond the image in a crop; reference code: background"
    )
    constraints: Literal["seg", "both"] = Field(
        "both", description="refined predictions with a loss: segmentation's, or saliency's too"
    )
    start_from: Literal["previous", "classifier"] = Field(
        "previous",
        description="weights that a later round starts from: those of the round before (as "
        "published), or the classifier's again; the first starts from the classifier's",
    )
    labels: Literal["pseudo", "masks"] = Field(
        "pseudo", description="masks = train on the true masks: a ceiling to compare with"
    )

    def narrowed(self, *, first: bool = False) -> Self:
        """For the first round, without what decides on later ones alone.

        Args:
            first: whether it is the first round.
        """
        return self._without("start_from") if first else self


class ClassifyJob(ClassifyOptions):
    """All that the classify stage reads."""

    model: BackboneOptions = Field(BackboneOptions(), description="see section model")
    random_seed: int = Field(
        0, ge=0, le=LARGEST_SEED, description="of initialisation, order and augmentation"
    )


class TrainJob(TrainOptions):
    """All that the train stage reads."""

    model: ModelOptions = Field(ModelOptions(), description="see section model")
    random_seed: int = Field(
        0, ge=0, le=LARGEST_SEED, description="of initialisation, order and augmentation"
    )
