"""The named networks: every architecture that can be asked for by name."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from fireline.errors import FirelineError
from fireline.model.alexnet import AlexNet
from fireline.model.architecture import Fire, Pool, SqueezeNet, Stem, metaparameter_fires
from fireline.model.baselines import Architecture, Baseline
from fireline.model.resnet import ResNet9

_V1_0 = SqueezeNet(Stem(96, 7, 2), metaparameter_fires(), pools=(1, 4, 8))
_V1_1 = SqueezeNet(Stem(64, 3, 2), metaparameter_fires(), pools=(1, 3, 5))

# Experiments on CIFAR-10 that change v1.0 one step at a time.
_CIFAR = replace(_V1_0, classes=10, input=(3, 32, 32))
_CIFAR_E1 = replace(_CIFAR, pool=Pool(2, 2))
_CIFAR_E2 = replace(_CIFAR_E1, stem=Stem(96, 2, 2))
_CIFAR_E3 = replace(_CIFAR_E2, fires=(_V1_0.fires[0], *_V1_0.fires[2:]), pools=(1, 3, 7), dropout=0.3)
_CIFAR_E4 = replace(_CIFAR_E2, stem=Stem(96, 2, 1, 1), pools=(4, 8))

# For 32x32 pixels at high accuracy: much 3x3, a bypass wherever widths allow it, no ReLU without batch norm before it.
_CIFAR_BYPASS_BN = SqueezeNet(
    Stem(64, 3, 1, 1),
    (*2 * (Fire(48, 32, 96),), *2 * (Fire(64, 64, 128),), *3 * (Fire(72, 72, 160),)),
    pools=(1, 3, 5),
    pool=Pool(2, 2),
    classes=10,
    input=(3, 32, 32),
    bypass="simple",
    batch_norm="all",
    dropout=0.0,
)

_WILDCATS = SqueezeNet(
    Stem(48, 3, 2),
    metaparameter_fires(6, base_e=32, incr_e=32, squeeze_ratio=0.5),
    pools=(1, 3, 5),
    classes=5,
    batch_norm="all",
    dropout=0.2,
)

_DIGITS = SqueezeNet(
    Stem(32, 3, 1, 1),
    (Fire(8, 16, 16), Fire(16, 32, 32)),
    pools=(1, 3),
    classes=10,
    input=(1, 8, 8),
    batch_norm="all",
    dropout=0.2,
)

PRESETS: dict[str, SqueezeNet] = {
    "squeezenet1_0": _V1_0,
    "squeezenet1_1": _V1_1,
    "squeezenet1_0_simple_bypass": replace(_V1_0, bypass="simple"),
    "squeezenet1_0_complex_bypass": replace(_V1_0, bypass="complex"),
    "squeezenet1_0_bn": replace(_V1_0, batch_norm="all"),
    "squeezenet1_0_bn_squeeze": replace(_V1_0, batch_norm="squeeze"),
    "cifar_baseline": _CIFAR,
    "cifar_e1": _CIFAR_E1,
    "cifar_e2": _CIFAR_E2,
    "cifar_e3": _CIFAR_E3,
    "cifar_e4": _CIFAR_E4,
    "cifar_e5": replace(_CIFAR_E4, classes=100),
    "cifar_bypass_bn": _CIFAR_BYPASS_BN,
    "wildcats": _WILDCATS,
    "digits": _DIGITS,
}


# Trained and counted in float, to compare with and to learn from; nothing quantizes them.
BASELINES: dict[str, Baseline] = {
    "alexnet": AlexNet((96, 256, 384, 384, 256)),
    "alexnet_torchvision": AlexNet(
        (64, 192, 384, 256, 256), padding=2, input=(3, 224, 224), response_norm=False
    ),
    "resnet9": ResNet9((64, 128, 256, 512)),
}

NAMES = (*PRESETS, *BASELINES)


def preset(name: str) -> SqueezeNet:
    """The SqueezeNet called `name`.

    Raises:
        FirelineError: there is none of this name, and the closest ones are in the hint; or it is a baseline.
    """
    config = architecture(name)
    if isinstance(config, Baseline):
        raise FirelineError(
            "this baseline exists in float only: it is not quantized, and becomes no firmware",
            node=name,
            hint="a SqueezeNet; `fireline models` lists them",
        )
    return config


def architecture(name: str) -> Architecture:
    """The float network called `name`, SqueezeNet or baseline.

    Raises:
        FirelineError: there is none of this name; the closest ones are in the hint.
    """
    if name in PRESETS:
        return PRESETS[name]
    if name in BASELINES:
        return BASELINES[name]
    close = get_close_matches(name, NAMES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(NAMES)}"
    raise FirelineError(f"there is no preset {name!r}", hint=hint)
