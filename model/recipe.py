"""How a network is trained: a recipe, read from a TOML file and checked before anything runs.

A recipe names a network and a data set, says how it is trained in one phase or in several, and perhaps how it is
quantized afterwards. Fields that it leaves out have the defaults that stand here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, field
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
)
from pydantic.dataclasses import dataclass

from fireline.errors import FirelineError
from fireline.model.architecture import metaparameter_fires
from fireline.model.baselines import Architecture
from fireline.model.presets import NAMES, architecture
from fireline.validate import validated

_STRICT = ConfigDict(extra="forbid")
_Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, config=_STRICT)
class Sgd:
    """Stochastic gradient descent with momentum, or with Nesterov's."""

    name: Literal["sgd"] = "sgd"
    learning_rate: PositiveFloat = 0.1
    momentum: _Share = 0.9
    nesterov: bool = False
    weight_decay: NonNegativeFloat = 5e-4


@dataclass(frozen=True, config=_STRICT)
class Accelerated:
    """Nesterov's accelerated gradient: the momentum of step t, counted from 0, is t / (t + 3), up to `momentum`.

    Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.
    """

    name: Literal["accelerated"] = "accelerated"
    learning_rate: PositiveFloat = 0.1
    momentum: _Share = 0.99
    weight_decay: NonNegativeFloat = 5e-4


@dataclass(frozen=True, config=_STRICT)
class Perturbed:
    """SGD that adds to the weights, every `interval` steps, a random vector no longer than `radius`.

    Jin et al., How to escape saddle points efficiently, 2017 (arXiv:1703.00887).
    """

    name: Literal["perturbed"] = "perturbed"
    learning_rate: PositiveFloat = 0.1
    momentum: _Share = 0.9
    weight_decay: NonNegativeFloat = 5e-4
    radius: PositiveFloat = 1e-2
    interval: PositiveInt = 100


@dataclass(frozen=True, config=_STRICT)
class Adam:
    """Adam; `decoupled` weight decay makes it AdamW (Loshchilov and Hutter, 2019)."""

    name: Literal["adam"] = "adam"
    learning_rate: PositiveFloat = 1e-2
    weight_decay: NonNegativeFloat = 0.05
    decoupled: bool = True


@dataclass(frozen=True, config=_STRICT)
class RmsProp:
    """RMSProp with momentum."""

    name: Literal["rmsprop"] = "rmsprop"
    learning_rate: PositiveFloat = 1e-3
    momentum: _Share = 0.9
    weight_decay: NonNegativeFloat = 5e-4


Optimizer = Annotated[Sgd | Accelerated | Perturbed | Adam | RmsProp, Field(discriminator="name")]


@dataclass(frozen=True, config=_STRICT)
class Constant:
    """The learning rate stays what it is."""

    name: Literal["constant"] = "constant"


@dataclass(frozen=True, config=_STRICT)
class Step:
    """Times `factor` after every `epochs`."""

    name: Literal["step"] = "step"
    epochs: PositiveInt = 30
    factor: PositiveFloat = 0.1


@dataclass(frozen=True, config=_STRICT)
class Cosine:
    """Half a cosine down to nothing over the phase."""

    name: Literal["cosine"] = "cosine"


@dataclass(frozen=True, config=_STRICT)
class Restarts:
    """Cosines that start again (SGDR, arXiv:1608.03983): the first over `epochs`, each next `growth` times as long."""

    name: Literal["restarts"] = "restarts"
    epochs: PositiveInt = 10
    growth: PositiveInt = 2


@dataclass(frozen=True, config=_STRICT)
class Plateau:
    """Times `factor` when the test loss has not fallen for `patience` epochs."""

    name: Literal["plateau"] = "plateau"
    patience: NonNegativeInt = 5
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1


@dataclass(frozen=True, config=_STRICT)
class Linear:
    """A straight line down to nothing over the phase."""

    name: Literal["linear"] = "linear"


@dataclass(frozen=True, config=_STRICT)
class OneCycle:
    """Up over the share `warmup` of the phase and down again (Smith and Topin, arXiv:1708.07120)."""

    name: Literal["one_cycle"] = "one_cycle"
    warmup: Annotated[float, Field(gt=0, lt=1)] = 0.3
    shape: Literal["cos", "linear"] = "cos"


Schedule = Annotated[
    Constant | Step | Cosine | Restarts | Plateau | Linear | OneCycle, Field(discriminator="name")
]


@dataclass(frozen=True, config=_STRICT)
class Augment:
    """Random changes of training images: mirrored, moved by `shift` pixels or less, a `cutout` square greyed."""

    flip: bool = False
    shift: NonNegativeInt = 0
    cutout: NonNegativeInt = 0


@dataclass(frozen=True, config=_STRICT)
class Phase:
    """Some epochs of training under one optimizer and one schedule; `augment` None is as the whole training has it.

    `sparsity` is the share of each convolution's weights, the smallest ones when the phase begins, that stay zero
    while it lasts: dense-sparse-dense training is three phases (Han et al., arXiv:1607.04381), pruning ends with one.
    """

    epochs: PositiveInt
    optimizer: Optimizer = Adam()
    schedule: Schedule = OneCycle()
    sparsity: _Share = 0.0
    augment: Augment | None = None


@dataclass(frozen=True, config=_STRICT)
class Distill:
    """What the network learns beside the labels: what another one says (Hinton et al., arXiv:1503.02531).

    `teacher` is the run folder of the other one; quantized training learns from the float network without it. `labels`
    is the share of the labels in the loss. Both networks' logits are divided by `temperature` before they are compared.
    """

    teacher: Path | None = None
    labels: Annotated[float, Field(ge=0, le=1)] = 0.0
    temperature: PositiveFloat = 1.0


@dataclass(frozen=True, config=_STRICT)
class Training:
    """How images become weights.

    `average` is the decay per step of a running average of the weights, which the network ends with; None for the
    weights of the last step. `precision` bfloat16 computes convolutions in 16 bits, sums and weights in 32.
    """

    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    batch: PositiveInt = 64
    augment: Augment = Augment()
    label_smoothing: _Share = 0.0
    average: _Share | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: NonNegativeInt = 0
    distill: Distill | None = None


@dataclass(frozen=True, config=_STRICT)
class Start:
    """Weights of another task to start from: all that fit, so not those of a classifier with other classes.

    `weights` and `preprocessing` are as for `fireline quantize`.
    """

    weights: Path
    preprocessing: Literal["torchvision", "caffe", "fireline"] | None = None


@dataclass(frozen=True, config=_STRICT)
class Quantize:
    """How the network is quantized then: bits as on the command line, images to calibrate on, training after that."""

    bits: str = "w8a8"
    images: PositiveInt = 200
    train: Training | None = None


@dataclass(frozen=True, config=_STRICT)
class Recipe:
    """One experiment.

    `network` is a preset or a baseline, `change` replaces fields of it; `fires` may be metaparameters, such as
    `{base_e = 32, count = 6}`. `narrow` is the run folder of a wider network to begin with the strongest channels of
    (`fireline.model.narrow`). `data` names the data set as everywhere. `hold_out` is how many of its training images
    are kept aside and measured on in place of the test set: recipes are compared so, and the test set chooses nothing.
    `published` is top-1 in percent elsewhere.

    Raises:
        FirelineError: it begins with weights of two kinds, or learns from a network that it does not name.
    """

    name: str
    network: str
    data: str
    train: Training
    change: dict[str, Any] = field(default_factory=dict)
    start: Start | None = None
    narrow: Path | None = None
    quantize: Quantize | None = None
    hold_out: NonNegativeInt = 0
    published: float | None = None

    def __post_init__(self) -> None:
        if self.start and self.narrow:
            raise FirelineError(
                "a network begins with a file's weights or with a run's: start or narrow", node=self.name
            )
        if self.train.distill and self.train.distill.teacher is None:
            raise FirelineError(
                "train.distill.teacher: the run folder of the network to learn from is missing",
                node=self.name,
            )

    @property
    def measured_on(self) -> str:
        """What accuracies are of, in words."""
        return f"{self.hold_out} images held out of {self.data}" if self.hold_out else self.data

    @property
    def architecture(self) -> Architecture:
        """The preset with its changes.

        Raises:
            FirelineError: there is no such preset or field, or the result is no network.
        """
        base = architecture(self.network)
        fields = {**asdict(base), **self.change}
        if isinstance(fields.get("fires"), Mapping):
            fields["fires"] = _metaparameters(fields["fires"])
        unknown = set(fields) - set(asdict(base))
        if unknown:
            raise FirelineError(f"a network has no {min(unknown)!r}", node=f"{self.name}: change")
        adapter: TypeAdapter[Architecture] = TypeAdapter(type(base))
        return validated(adapter.validate_python, fields, f"{self.name}: change")


_RECIPE = TypeAdapter(Recipe)


def one_phase(epochs: int, learning_rate: float = 1e-2, batch: int = 64, seed: int = 0) -> Training:
    """Training by AdamW in one cycle: what presets are trained by when nothing else is said."""
    phase = Phase(epochs=epochs, optimizer=Adam(learning_rate=learning_rate))
    return Training(phases=(phase,), batch=batch, seed=seed)


def shipped() -> dict[str, str]:
    """The recipes that come with Fireline: their text by name."""
    folder = resources.files("fireline.recipes")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {file.name.removesuffix(".toml"): file.read_text() for file in files}


def read_recipe(what: str) -> Recipe:
    """A recipe from a TOML file, one that is shipped, or, by the name of a preset, that preset on digits.

    Raises:
        FirelineError: there is none of this name, or a field is wrong; the message names it.
    """
    if what.endswith(".toml"):
        try:
            return parse_recipe(Path(what).read_text(), Path(what).stem, what)
        except OSError as error:
            raise FirelineError(f"cannot be read: {error.strerror}", node=what) from None
    recipes = shipped()
    if what in recipes:
        return parse_recipe(recipes[what], what, f"recipe {what}")
    if what in NAMES:
        return Recipe(name=what, network=what, data="digits", train=one_phase(20))
    raise FirelineError(
        f"there is no recipe or preset {what!r}", hint=f"a TOML file, or one of {', '.join(recipes)}"
    )


def parse_recipe(text: str, name: str, where: str) -> Recipe:
    """A recipe called `name` from TOML; errors name `where` it stands."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FirelineError(f"not TOML: {error}", node=where) from None
    return recipe_from({"name": name, **content}, where)


def recipe_from(content: Mapping[str, Any], where: str) -> Recipe:
    """A recipe from nested tables, checked down to its architecture."""
    recipe = validated(_RECIPE.validate_python, content, where, "docs/howto/train.md")
    _ = recipe.architecture
    return recipe


def recipe_json(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON values, every field written out."""
    content: dict[str, Any] = _RECIPE.dump_python(recipe, mode="json")
    return content


def _metaparameters(values: Mapping[str, Any]) -> Any:
    try:
        return metaparameter_fires(**values)
    except TypeError as error:
        raise FirelineError(f"{error}", node="change.fires") from None
