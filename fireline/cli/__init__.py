"""The command line. Commands import what they need when they run, so that `fireline --help` is quick."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from fireline.errors import FirelineError

# Where each command lives, in the order of the main job.
COMMANDS = {
    "models": "show",
    "devices": "show",
    "train": "learn",
    "quantize": "learn",
    "export": "learn",
    "plan": "hardware",
    "generate": "hardware",
    "csim": "hardware",
    "verify": "check",
    "report": "check",
    "demo": "demo",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"fireline.cli.{COMMANDS[cmd_name]}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            if near:
                ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="fireline")
def fireline() -> None:
    """Quantized SqueezeNets to bit-exact FPGA firmware.

    The main job, step by step: train, quantize, export, generate, csim, verify, report. Every step works on a
    run folder and goes on from what the step before it left there. `generate` and `verify` also take a QONNX
    file alone.

    Exit status: 0 done, 1 engines differ, 2 bad input or usage, 3 the network does not fit the device.
    """


def main(args: list[str] | None = None) -> Any:
    """Run the command line; a user's mistake is one line on standard error."""
    try:
        return fireline.main(args, standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except FirelineError as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
        sys.exit(error.exit_code)
