from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fireline.errors import FirelineError
from fireline.model.augment import augment
from fireline.model.optimizers import build_optimizer, build_schedule
from fireline.model.recipe import (
    Accelerated,
    Adam,
    Augment,
    Distill,
    Linear,
    Perturbed,
    Quantize,
    Recipe,
    Restarts,
    Sgd,
    Step,
    one_phase,
    parse_recipe,
    read_recipe,
    recipe_from,
    recipe_json,
    shipped,
)

PUBLISHED = {
    "cifar_baseline": 46.54,
    "cifar_e1": 58.43,
    "cifar_e2": 66.17,
    "cifar_e3": 69.24,
    "cifar_e4": 72.05,
    "cifar_e5": 38.39,
    "cifar_batch_norm": 56.92,
    "cifar_finetuned": 67.66,
    "wildcats": 80.0,
    "squeezenet1_0": 57.5,
    "squeezenet1_1": 57.7,
}


def test_every_shipped_recipe_is_whole_and_survives_json() -> None:
    for name, text in shipped().items():
        recipe = parse_recipe(text, name, name)
        assert recipe_from(recipe_json(recipe), name) == recipe
    assert {n: read_recipe(n).published for n in PUBLISHED} == PUBLISHED


def test_the_published_experiments_share_one_recipe() -> None:
    trainings = {repr(read_recipe(f"cifar_{name}").train) for name in ("baseline", "e1", "e2", "e3", "e4")}
    assert len(trainings) == 1


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('network = 1\ndata = "digits"', "network: Input should be a valid string"),
        ('network = "digits"\ndata = "digits"\ncolour = 1', "colour: Unexpected keyword argument"),
        ("[change]\nheight = 3", "a network has no 'height'"),
        ("[change]\nfires = { base_e = 32, colour = 1 }", "colour"),
        ('[change]\nbypass = "twice"', "bypass"),
        ("[[train.phases]]\nepochs = 0", "phases.1.epochs: Input should be greater than 0"),
        (
            '[[train.phases]]\nepochs = 1\noptimizer = { name = "sdg" }',
            "does not match any of the expected tags",
        ),
        ("[[train.phases]]\nepochs = 1\nsparsity = 1.0", "sparsity: Input should be less than 1"),
        ("[[train.phases]\n", "not TOML"),
    ],
)
def test_a_wrong_field_is_named(lines: str, message: str) -> None:
    head = 'network = "digits"\ndata = "digits"\n'
    body = "[[train.phases]]\nepochs = 1\n"
    text = lines + "\n" + body if lines.startswith(("network", "colour")) else head + body + lines
    with pytest.raises(FirelineError, match="(^r|fires).*" + message):
        parse_recipe(text, "r", "r.toml")


def test_a_float_network_is_told_whom_to_learn_from() -> None:
    training = replace(one_phase(1), distill=Distill(labels=0.1))
    with pytest.raises(FirelineError, match=r"alone: train\.distill\.teacher: .* is missing"):
        Recipe(name="alone", network="digits", data="digits", train=training)
    tuned = Quantize(train=training)  # from its own float network
    assert Recipe(name="tuned", network="digits", data="digits", train=one_phase(1), quantize=tuned)


def test_recipes_by_file_name_and_preset(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(shipped()["digits"])
    assert read_recipe(str(tmp_path / "mine.toml")).train == read_recipe("digits").train
    assert read_recipe("squeezenet1_0_bn").data == "digits"
    with pytest.raises(FirelineError, match="no recipe or preset 'sqeezenet'"):
        read_recipe("sqeezenet")
    with pytest.raises(FirelineError, match="cannot be read"):
        read_recipe(str(tmp_path / "none.toml"))


def test_metaparameters_make_fires() -> None:
    text = (
        'network = "squeezenet1_0"\ndata = "d"\n[change]\nfires = { base_e = 32, incr_e = 32, count = 8 }\n'
    )
    recipe = parse_recipe(text + "[[train.phases]]\nepochs = 1\n", "r", "r")
    assert [fire.output for fire in recipe.architecture.fires] == [32, 32, 64, 64, 96, 96, 128, 128]


def rates(schedule: object, steps: int, epoch_steps: int) -> list[float]:
    optimizer = build_optimizer(torch.nn.Conv2d(1, 2, 3), Sgd(learning_rate=1.0))
    built = build_schedule(optimizer, schedule, steps, epoch_steps)  # type: ignore[arg-type]
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        built.step()  # type: ignore[call-arg]
    return found


def test_schedules_are_counted_in_epochs() -> None:
    assert rates(Step(epochs=2, factor=0.5), 6, 1) == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    assert rates(Linear(), 4, 1) == [1.0, 0.75, 0.5, 0.25]
    restarts = rates(Restarts(epochs=1, growth=2), 6, 2)
    assert restarts[0] == restarts[2] == 1.0
    assert restarts[1] == pytest.approx(0.5)
    assert restarts[3:] == sorted(restarts[3:], reverse=True)


def test_decay_is_for_weights_alone() -> None:
    groups = build_optimizer(torch.nn.Conv2d(1, 2, 3), Adam(weight_decay=0.3)).param_groups
    assert [(group["weight_decay"], len(group["params"])) for group in groups] == [(0.3, 1), (0.0, 1)]


def test_accelerated_momentum_grows() -> None:
    layer = torch.nn.Conv2d(1, 1, 3)
    optimizer = build_optimizer(layer, Accelerated(momentum=0.5))
    momenta = []
    for _ in range(5):
        layer(torch.ones(1, 1, 3, 3)).sum().backward()
        optimizer.step()
        momenta.append(optimizer.param_groups[0]["momentum"])
    assert momenta == [0, 1 / 4, 2 / 5, 1 / 2, 0.5]


def test_a_perturbation_stays_within_its_radius() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(1, 1, 3)
    before = [value.detach().clone() for value in layer.parameters()]
    optimizer = build_optimizer(layer, Perturbed(radius=0.25, interval=2))
    moved = []
    for _ in range(4):
        optimizer.step()  # without gradients: only the perturbation moves the weights
        parts = [(a - b).square().sum() for a, b in zip(layer.parameters(), before, strict=True)]
        moved.append(float(torch.stack(parts).sum().sqrt()))
    assert moved[0] == 0
    assert 0 < moved[1] <= 0.25
    assert moved[1] == moved[2] != moved[3]


def test_augmentation_moves_whole_images() -> None:
    torch.manual_seed(0)
    pixels = torch.rand(64, 2, 8, 8) * 255
    assert torch.equal(augment(pixels, Augment()), pixels)
    flipped = augment(pixels, Augment(flip=True))
    mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(flipped, pixels, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(flipped, pixels, strict=True)]
    assert 10 < sum(mirrored) < 54
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    for moved, image in zip(augment(pixels, Augment(shift=1)), pixels, strict=True):
        padded = torch.nn.functional.pad(image[None], (1, 1, 1, 1), mode="reflect")[0]
        places = [padded[:, y : y + 8, x : x + 8] for y in range(3) for x in range(3)]
        assert sum(torch.equal(moved, place) for place in places) == 1
    grey = (augment(pixels, Augment(cutout=4)) == 128).all(dim=1).sum(dim=(1, 2))
    assert grey.max() == 16
    assert grey.min() >= 4
