"""The network: building it, its layers, its weights."""

from auxseg.nn.network import AuxSegNet, Classifier, Outputs, build_network
from auxseg.nn.weights import load_network, load_weights

__all__ = [
    "AuxSegNet",
    "Classifier",
    "Outputs",
    "build_network",
    "load_network",
    "load_weights",
]
