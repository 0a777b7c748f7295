"""Sections index and saliency: photographs and what is known of them."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from auxseg.config.base import Positive, Section


class ShapesOptions(Section):
    """Generated scenes of six part-recognisable classes: the embedded data set."""

    root: str = Field("data", description="folder in which the generated data sets are kept")
    train: int = Field(200, ge=1, description="training images")
    val: int = Field(60, ge=1, description="evaluation images")
    min_size: int = Field(128, ge=32, description="shortest image side, pixels")
    max_size: int = Field(160, ge=32, description="longest image side, pixels")
    seed: int = Field(0, ge=0, description="seed of the generator")

    @model_validator(mode="after")
    def _sizes_in_order(self) -> "ShapesOptions":
        if self.min_size > self.max_size:
            raise ValueError(f"min_size {self.min_size} is above max_size {self.max_size}")
        return self


class VocOptions(Section):
    """A data set in the layout of PASCAL VOC (VOCdevkit/VOC2012)."""

    root: str = Field("VOCdevkit/VOC2012", description="folder with JPEGImages/, ImageSets/, ...")
    train_list: str = Field("train_aug", description="list in ImageSets/Segmentation to train on")
    val_list: str = Field("val", description="list in ImageSets/Segmentation to evaluate on")
    test_list: str | None = Field(
        None, description="list of images without public masks, for a submission; null = none"
    )
    labels: Literal["xml", "csv", "masks"] = Field(
        "xml", description="where image-level labels come from: Annotations/, a CSV, or the masks"
    )
    labels_csv: str = Field(
        "labels.csv", description="the CSV (image,classes), relative to root, for labels: csv"
    )
    classes: tuple[str, ...] | None = Field(
        None, description="the classes to learn, in VOC's names; null = all 20"
    )

    def narrowed(self) -> Self:
        """Without the table that is not read: it must not rerun anything."""
        return self if self.labels == "csv" else self._without("labels_csv")


class CocoOptions(Section):
    """A data set in the layout of MS COCO."""

    root: str = Field("coco", description="folder with the image folders and annotations/")
    train_images: str = Field("train2014", description="folder of training images, under root")
    val_images: str = Field("val2014", description="folder of evaluation images, under root")
    train_annotations: str = Field(
        "annotations/instances_train2014.json", description="training instances, under root"
    )
    val_annotations: str = Field(
        "annotations/instances_val2014.json", description="evaluation instances, under root"
    )
    classes: Literal["categories", "supercategories"] = Field(
        "categories", description="the 80 categories, or the 12 supercategories they group into"
    )


class FolderOptions(Section):
    """Your own photographs: images/, labels.csv and, for evaluation, masks/."""

    root: str = Field("my-photos", description="folder with images/, labels.csv, optional masks/")
    images: str | None = Field(
        None, description="folder of the photographs, where it is not images/ under root"
    )
    masks: str | None = Field(
        None, description="folder of true masks, where it is not masks/ under root"
    )
    classes: tuple[str, ...] | None = Field(
        None,
        description="class names in the order of the masks' indices 1, 2, ...; "
        "null = all of labels.csv, sorted",
    )

    @property
    def table(self) -> Path:
        """The table of labels."""
        return Path(self.root) / "labels.csv"

    @property
    def photographs(self) -> Path:
        """The folder of photographs."""
        return Path(self.root) / "images" if self.images is None else Path(self.images)

    @property
    def true_masks(self) -> Path:
        """The folder of true masks, which may be missing."""
        return Path(self.root) / "masks" if self.masks is None else Path(self.masks)

    @property
    def saliency_maps(self) -> Path:
        """The folder of saliency maps, which may be missing."""
        return Path(self.root) / "saliency"


class IndexOptions(Section):
    """Which photographs, and what is known of them."""

    dataset: Literal["shapes", "voc", "coco", "folder"] = Field(
        "shapes", description="the data set's layout; its options stand under the same name"
    )
    longest_side: int | None = Field(
        None,
        ge=32,
        description="larger photographs are scaled down to it, pixels; null = none is",
    )
    pack: bool = Field(
        False,
        description="keep the photographs' files in images.h5: for slow file systems",
    )
    doubtful_labels: Literal["warning", "error"] = Field(
        "warning",
        description="whether classes without a training image, and labels that true masks "
        "contradict, are told or stop the run; a change makes the index, and all after it, again",
    )
    shapes: ShapesOptions | None = Field(None, description="options of dataset: shapes")
    voc: VocOptions | None = Field(None, description="options of dataset: voc")
    coco: CocoOptions | None = Field(None, description="options of dataset: coco")
    folder: FolderOptions | None = Field(None, description="options of dataset: folder")

    @model_validator(mode="before")
    @classmethod
    def _default_options_of_the_chosen(cls, values: Any) -> Any:
        if isinstance(values, dict):
            chosen = values.get("dataset", "shapes")
            if chosen in ("shapes", "voc", "coco", "folder") and values.get(chosen) is None:
                return {**values, chosen: {}}
        return values

    def narrowed(self) -> Self:
        """Only the chosen data set's options: the others' must not rerun anything."""
        chosen = getattr(self, self.dataset).narrowed()
        others = {"shapes", "voc", "coco", "folder"} - {self.dataset}
        return type(self).model_validate({**self.model_dump(exclude=others), self.dataset: chosen})


class OnnxOptions(Section):
    """How a U2-Net-family ONNX model wants its input."""

    model: str | None = Field(None, description="the ONNX file, for source: onnx")
    size: int = Field(320, ge=32, description="input height and width, pixels")
    mean: tuple[float, float, float] = Field(
        (0.485, 0.456, 0.406), description="subtracted from RGB in [0, 1]"
    )
    std: tuple[Positive, Positive, Positive] = Field(
        (0.229, 0.224, 0.225), description="divided by"
    )
    divide_by_max: bool = Field(
        True, description="scale RGB by the image's own maximum (U2-Net) instead of 255"
    )
    flip: bool = Field(False, description="average with the mirrored image")


class SaliencyOptions(Section):
    """Coarse, class-agnostic saliency maps of the training images."""

    source: Literal["maps", "onnx", "u2netp"] = Field(
        "maps", description="maps from files, or from an ONNX model (u2netp: the packaged one)"
    )
    maps: str | None = Field(
        None,
        description="folder of PNG/JPG maps named as the images; null = those of the data set",
    )
    onnx: OnnxOptions = Field(OnnxOptions(), description="the model, for onnx and u2netp")

    @model_validator(mode="after")
    def _onnx_needs_a_model(self) -> "SaliencyOptions":
        if self.source == "onnx" and self.onnx.model is None:
            raise ValueError("source 'onnx' needs saliency.onnx.model: the path of an ONNX file")
        return self

    def narrowed(self) -> Self:
        """Without the options of the source that is not used: they must not rerun anything."""
        if self.source == "maps":
            return self._without("onnx")
        if self.source == "onnx":
            return self._without("maps")
        return self.model_copy(update={"onnx": self.onnx._without("model"), "maps": None})
