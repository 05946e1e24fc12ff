"""Networks of other families: trained and counted in float, to compare with and to learn from."""

from fireline.model.alexnet import AlexNet
from fireline.model.architecture import SqueezeNet
from fireline.model.resnet import ResNet9

Baseline = AlexNet | ResNet9
Architecture = SqueezeNet | Baseline
