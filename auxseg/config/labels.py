"""Sections cam, seed, refine and predict: from networks to maps."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from auxseg.config.base import PRECISIONS, Precision, Scales, Section, Threshold

NetworkPrecision = Annotated[Precision, Field(description=f"of the network; {PRECISIONS}")]
CrfEngine = Annotated[
    Literal["pydensecrf", "torch"],
    Field(
        description="pydensecrf, in processes beside the network, or torch, where the network "
        "computes: for a GPU"
    ),
]

_NARROWEST = 0.01  # pixels or grey levels of a CRF's kernel: pydensecrf counts in 32-bit integers


class CamOptions(Section):
    """Class activation maps, of the classifier or of any other method."""

    source: Literal["classifier", "maps"] = Field(
        "classifier", description="the classifier's CAMs, or maps of another method from files"
    )
    maps: str | None = Field(
        None,
        description="folder of another method's maps, for source: maps (see auxseg cam --help)",
    )
    scales: Scales = Field((0.5, 1.0, 1.5, 2.0), description="image scales to average over")
    flip: bool = Field(True, description="average with the mirrored image")
    precision: NetworkPrecision = "32-true"

    @model_validator(mode="after")
    def _maps_need_a_folder(self) -> "CamOptions":
        if self.source == "maps" and self.maps is None:
            raise ValueError("source 'maps' needs cam.maps: the folder of the maps")
        return self

    def narrowed(self) -> Self:
        """Without the options of the source that is not used: they must not rerun anything."""
        if self.source == "maps":
            return self._without("scales", "flip", "precision")
        return self._without("maps")


class FusionOptions(Section):
    """CAM and saliency to pseudo labels, per pixel (docs/method.md, 4)."""

    cam_threshold: Threshold = Field(0.2, description="CAM above it: foreground")
    saliency_threshold: Threshold = Field(0.06, description="saliency above it: foreground")


class SeedOptions(FusionOptions):
    """The first pseudo labels."""

    use_saliency: bool = Field(
        True, description="false = CAM alone decides, nothing is ignored: a baseline"
    )
    labels: str | None = Field(
        None,
        description="folder of another method's pseudo labels, taken instead (PNG named as the "
        "images: 0 background, k = the k-th class, 255 ignored)",
    )

    def narrowed(self) -> Self:
        """The folder alone where there is one; no threshold of saliency that is not used."""
        if self.labels is not None:
            return self._without(*FusionOptions.model_fields, "use_saliency")
        return self if self.use_saliency else self._without("saliency_threshold")


class SaliencyCrfOptions(Section):
    """The two-label dense CRF that sharpens refined saliency (docs/method.md, 4)."""

    engine: CrfEngine = "pydensecrf"
    iterations: int = Field(1, ge=1, le=50, description="mean-field iterations")
    temperature: float = Field(1.05, gt=0, description="tau of the unary term")
    gaussian_sxy: float = Field(3, ge=_NARROWEST, description="smoothness kernel, pixels")
    gaussian_compat: float = Field(3, ge=0, description="smoothness weight")
    bilateral_sxy: float = Field(60, ge=_NARROWEST, description="appearance kernel, pixels")
    bilateral_srgb: float = Field(5, ge=_NARROWEST, description="appearance kernel, grey levels")
    bilateral_compat: float = Field(5, ge=0, description="appearance weight")


class SegmentationCrfOptions(Section):
    """The dense CRF on class probabilities (docs/method.md, 5)."""

    engine: CrfEngine = "pydensecrf"
    iterations: int = Field(10, ge=1, le=50, description="mean-field iterations")
    gaussian_sxy: float = Field(4, ge=_NARROWEST, description="smoothness kernel, pixels")
    gaussian_compat: float = Field(3, ge=0, description="smoothness weight")
    bilateral_sxy: float = Field(83, ge=_NARROWEST, description="appearance kernel, pixels")
    bilateral_srgb: float = Field(5, ge=_NARROWEST, description="appearance kernel, grey levels")
    bilateral_compat: float = Field(3, ge=0, description="appearance weight")


class OwnSegmentationOptions(Section):
    """Pseudo labels from what the network segments as the image's own classes."""

    saliency_share: Threshold = Field(
        0.5, description="weight of saliency beside the network in telling objects from background"
    )
    min_confidence: Threshold = Field(0.95, description="labels less probable are ignored")
    use_crf: bool = Field(True, description="sharpen the probabilities by a dense CRF")
    crf: SegmentationCrfOptions = Field(SegmentationCrfOptions(), description="its constants")

    def narrowed(self) -> Self:
        """Without the constants of a CRF that is not used."""
        return self if self.use_crf else self._without("crf")


class RefineOptions(FusionOptions):
    """The next round's pseudo labels from this round's network."""

    labels_from: Literal["cam", "segmentation", "both"] = Field(
        "cam",
        description="affinity-propagated CAM fused with saliency (as published), the network's "
        "segmentation into background and the image's own classes, or where both agree",
    )
    scales: Scales = Field((1.0,), description="image scales to average the network's maps over")
    flip: bool = Field(False, description="average with the mirrored image")
    precision: NetworkPrecision = "32-true"
    use_crf: bool = Field(True, description="sharpen the saliency by a dense CRF")
    crf: SaliencyCrfOptions = Field(SaliencyCrfOptions(), description="its constants")
    segmentation: OwnSegmentationOptions = Field(
        OwnSegmentationOptions(), description="for labels_from: segmentation"
    )

    def narrowed(self) -> Self:
        """Without the options of labels and CRF that are not made: they must not rerun anything."""
        unused = set() if self.use_crf else {"crf"}
        if self.labels_from != "segmentation":
            return self._without("segmentation", *unused)
        own = {"segmentation": self.segmentation.narrowed()}
        return self.model_copy(update=own)._without(*FusionOptions.model_fields, *unused)


class PredictOptions(Section):
    """Segmentation of the evaluation split."""

    scales: Scales = Field((0.5, 1.0, 1.5), description="scales of the multi-scale variant")
    flip: bool = Field(True, description="the multi-scale variant also averages mirror images")
    precision: NetworkPrecision = "32-true"
    saliency_share: Threshold = Field(
        0.4,
        description="where the classes are known: weight of the network's saliency beside its "
        "segmentation in telling objects from background",
    )
    use_crf: bool = Field(True, description="add a variant with the dense CRF")
    crf: SegmentationCrfOptions = Field(SegmentationCrfOptions(), description="its constants")

    @property
    def variants(self) -> list[str]:
        """Ways of predicting, the last the best; without multi-scale where it were single scale."""
        averages = self.flip or self.scales != (1.0,)
        crf = ["multiscale+crf"] if self.use_crf else []
        return ["single", *(["multiscale"] if averages else []), *crf]

    def narrowed(self, *, known_classes: bool = False) -> Self:
        """Without what is for known classes, and the constants of a CRF, where these are not used.

        Args:
            known_classes: every image is segmented into the classes of its label.
        """
        unused = set() if known_classes else {"saliency_share"}
        return self._without(*unused, *(set() if self.use_crf else {"crf"}))
