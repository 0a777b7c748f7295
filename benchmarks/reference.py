"""What the published code of this field does, written plainly: what our forms are measured against.

The whole N x N affinity; a CRF on all labels, one image after the other; samples preprocessed whole
and in floating point; refinement image by image, scale by scale, with a PNG and a .npy for each
image; confusion matrices by np.bincount.
"""

from pathlib import Path

import cv2
import numpy as np
import pydensecrf.densecrf
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from auxseg.config import RefineOptions, SegmentationCrfOptions, TrainOptions
from auxseg.nn.affinity import CrossTaskAffinity
from auxseg.nn.network import AuxSegNet, normalise
from auxseg.ops.crf import refine_saliency
from auxseg.ops.fusion import fuse
from auxseg.ops.kernels import Kernels

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def dense_affinity(block: CrossTaskAffinity, theta: Tensor, phi: Tensor, maps: Tensor) -> Tensor:
    """Both tasks' affinities, their mixture, and what it makes of maps, all at once.

    Args:
        block: the weights of the mixture.
        theta: (2, D, N), of both tasks.
        phi: (2, D, N).
        maps: (N, K).
    """
    both = torch.softmax(theta.transpose(1, 2) @ phi, dim=2)[None]  # (1, 2, N, N)
    weights = torch.softmax(block.gate(torch.relu(block.mix(both))), dim=1)
    return (weights * both).sum(dim=1)[0] @ maps


def crf(
    image: np.ndarray, probabilities: np.ndarray, options: SegmentationCrfOptions
) -> np.ndarray:
    """(H, W) labels by a dense CRF of all labels."""
    labels, height, width = probabilities.shape
    field = pydensecrf.densecrf.DenseCRF2D(width, height, labels)
    unary = -np.log(probabilities.clip(1e-5, 1.0)).reshape(labels, -1)
    field.setUnaryEnergy(np.ascontiguousarray(unary, dtype=np.float32))
    field.addPairwiseGaussian(sxy=options.gaussian_sxy, compat=options.gaussian_compat)
    field.addPairwiseBilateral(
        sxy=options.bilateral_sxy,
        srgb=options.bilateral_srgb,
        rgbim=np.array(image),
        compat=options.bilateral_compat,
    )
    marginals = np.array(field.inference(options.iterations)).reshape(probabilities.shape)
    return marginals.argmax(axis=0)


class PlainSamples:
    """Crops of whole photographs that were scaled, jittered and normalised first.

    Args:
        photographs: files.
        masks: their labels, PNG.
        saliencies: their saliency maps, PNG.
        options: crop size and scales.
        precision: of the photographs until they are cropped.
    """

    def __init__(
        self,
        photographs: list[Path],
        masks: list[Path],
        saliencies: list[Path],
        options: TrainOptions,
        precision: type[np.floating],
    ) -> None:
        self.photographs, self.targets = photographs, (masks, saliencies)
        self.options, self.precision = options, precision
        self.random = np.random.default_rng(0)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        picture = Image.open(self.photographs[number]).convert("RGB")
        image = np.asarray(picture, dtype=self.precision)
        targets = [np.asarray(Image.open(files[number])) for files in self.targets]
        scale = self.random.uniform(self.options.min_scale, self.options.max_scale)
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        targets = [cv2.resize(t, size, interpolation=cv2.INTER_NEAREST) for t in targets]
        image = self._normalised(image)
        if self.random.random() < 0.5:
            image, targets = image[:, ::-1], [target[:, ::-1] for target in targets]
        side = self.options.crop_size
        margins = [(0, max(0, side - length)) for length in image.shape[:2]]
        image = np.pad(image, (*margins, (0, 0)))
        targets = [np.pad(target, margins, constant_values=255) for target in targets]
        top, left = (self.random.integers(0, length - side + 1) for length in image.shape[:2])
        place = np.s_[top : top + side, left : left + side]
        image = image[place].transpose(2, 0, 1)
        label, saliency = (target[place] for target in targets)
        return {
            "image": torch.from_numpy(np.ascontiguousarray(image)).float(),
            "segmentation": torch.from_numpy(label.copy()),
            "saliency": torch.from_numpy((saliency >= 128).astype(np.uint8)),
        }

    def _normalised(self, image: np.ndarray) -> np.ndarray:
        strengths = self.random.uniform(0.7, 1.3, size=3).astype(self.precision)
        grey = image @ np.array([0.299, 0.587, 0.114], dtype=self.precision)
        image = grey[..., None] + strengths[0] * (image - grey[..., None])
        image = grey.mean() + strengths[1] * (image - grey.mean())
        mean, std = (values.astype(self.precision) for values in (MEAN, STD))
        return (np.clip(image * strengths[2], 0, 255) / self.precision(255) - mean) / std


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes) counts of one image, pixels of unknown truth (255) left out."""
    known = truth < classes
    pairs = classes * truth[known].astype(int) + predicted[known]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


@torch.no_grad()
def refine(
    network: AuxSegNet,
    image: np.ndarray,
    classes: np.ndarray,
    coarse: np.ndarray,
    options: RefineOptions,
    files: Path,
) -> np.ndarray:
    """The next saliency (H, W) in [0, 1] of one image; it, CAM and label as .npy and PNG files.

    Args:
        network: with cross-task affinity.
        image: (H, W, 3) uint8.
        classes: (K,) 0-based, of its label.
        coarse: (H, W) float saliency in [0, 1].
        options: of stage refine, labels from CAMs.
        files: their names without suffix.
    """
    height, width = image.shape[:2]
    cams, saliencies = [], []
    for scale in options.scales:
        for mirrored in (False, True) if options.flip else (False,):
            scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            scaled = scaled[:, ::-1] if mirrored else scaled
            pixels = torch.from_numpy(scaled.transpose(2, 0, 1).copy())[None]
            outputs = network(normalise(pixels, network.backbone).contiguous())
            cam = torch.relu(outputs.cam)
            cam = cam / (cam.amax(dim=(2, 3), keepdim=True) + 1e-5)
            affinity = outputs.affinity.dense()
            spread = (affinity @ cam.flatten(2).transpose(1, 2)).transpose(1, 2).view_as(cam)
            maps = torch.cat((spread[:, classes], outputs.refined_saliency.sigmoid()), dim=1)
            maps = F.interpolate(maps, size=(height, width), mode="bilinear")[0].double().numpy()
            maps = maps[:, :, ::-1] if mirrored else maps
            cams.append(maps[:-1])
            saliencies.append(maps[-1])
    cam, saliency = np.mean(cams, axis=0), (coarse + np.mean(saliencies, axis=0)) / 2
    cam = cam / (cam.max(axis=(1, 2), keepdims=True) + 1e-5)
    saliency = _sharpen(image, saliency, options)
    label = fuse(
        cam,
        classes,
        saliency,
        cam_threshold=options.cam_threshold,
        saliency_threshold=options.saliency_threshold,
    )
    np.save(files.with_suffix(".npy"), np.concatenate((cam, saliency[None])))
    Image.fromarray(label).save(files.with_suffix(".png"))
    return saliency


def _sharpen(image: np.ndarray, saliency: np.ndarray, options: RefineOptions) -> np.ndarray:
    constants = options.crf.model_dump(exclude={"temperature", "engine"})
    return refine_saliency(
        image, saliency, Kernels(**constants), temperature=options.crf.temperature
    )
