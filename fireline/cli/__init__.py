"""The command line. Commands import what they need when they run, so that `fireline --help` is quick."""

from __future__ import annotations

import errno
import sys
import traceback
from importlib import import_module
from typing import Any, NoReturn

import click

from fireline.cli.output import progress_bar
from fireline.errors import FirelineError
from fireline.progress import hidden, shown

# What a system refuses, and the way out.
SYSTEM_ERRORS = {
    errno.ENOSPC: "make room, or name another place; for temporary files with TMPDIR",
    errno.EDQUOT: "make room, or name another place; for temporary files with TMPDIR",
    errno.EROFS: "name a place that can be written",
    errno.EACCES: "name a place that you may write",
    errno.EPERM: "name a place that you may write",
    errno.EFBIG: "a limit on the size of files is in force: see ulimit -f",
    errno.EMFILE: "too many open files: see ulimit -n",
    errno.ENOMEM: "close other programs",
}

FAULT = 70  # exit status of a fault of Fireline's own, which must not look like engines that differ

# Where each command lives, in the order of the main job.
COMMANDS = {
    "models": "show",
    "devices": "show",
    "recipes": "recipes",
    "pretrained": "pretrained",
    "train": "learn",
    "sweep": "sweep",
    "quantize": "learn",
    "export": "learn",
    "inspect": "show",
    "plan": "hardware",
    "generate": "hardware",
    "csim": "hardware",
    "lint": "lint",
    "cosim": "cosim",
    "synth": "gates",
    "pnr": "gates",
    "verify": "check",
    "report": "check",
    "compare": "compare",
    "size": "size",
    "demo": "demo",
}


def load_command(name: str) -> click.Command:
    """The command called `name`."""
    command: click.Command = getattr(import_module(f"fireline.cli.{COMMANDS[name]}"), name)
    return command


class LazyGroup(click.Group):
    """A group whose commands are imported when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return load_command(cmd_name)

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
@click.option("-q", "--quiet", is_flag=True, help="Print errors and --json only.")
@click.option("-v", "--verbose", is_flag=True, help="Tell how long each step took.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="Options by command (TOML).")
@click.version_option(package_name="fireline")
@click.pass_context
def fireline(ctx: click.Context, quiet: bool, verbose: bool, config: str | None) -> None:
    """Quantized SqueezeNets to bit-exact FPGA firmware.

    The main job, step by step: train, quantize, export, generate, csim, verify, report. Every step works on a
    run folder and goes on from what the step before it left there. `generate` and `verify` also take a QONNX
    file alone.

    Options can stand in a TOML file: `[quantize]` and `bits = "w4a8"`, for example.

    Exit status: 0 done, 1 engines differ, 2 bad input or usage, 3 the network does not fit the device, 70 a fault of
    Fireline itself, 130 interrupted.
    """
    ctx.obj = verbose - quiet
    hidden.set(quiet)
    ctx.default_map = read_config(config) if config else None


def read_config(path: str) -> dict[str, Any]:
    """Options by command from a TOML file; names as on the command line."""
    import tomllib
    from pathlib import Path

    try:
        content = tomllib.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise FirelineError(f"not a TOML file: {error}", node=path) from None
    return {command: _named(command, options, path) for command, options in content.items()}


def _named(command: str, options: Any, path: str) -> dict[str, Any]:
    """The options of one command by click's own names."""
    if command not in COMMANDS or not isinstance(options, dict):
        raise FirelineError(f"{command!r} is no table of a command's options", node=path)
    found = load_command(command)
    names = {flag.lstrip("-"): p.name for p in found.params for flag in p.opts if isinstance(p, click.Option)}
    unknown = [name for name in options if name not in names]
    if unknown:
        raise FirelineError(
            f"{command} has no option {unknown[0]!r}", node=path, hint=f"fireline {command} --help"
        )
    return {str(names[name]): value for name, value in options.items()}


def main(args: list[str] | None = None) -> Any:
    """Run the command line; a user's mistake is one line on standard error."""
    try:
        with shown(progress_bar):
            return fireline.main(args, standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else None
        fail(
            FirelineError(f"{error.strerror or error}", node=where, hint=SYSTEM_ERRORS.get(error.errno or 0))
        )
    except MemoryError:
        fail(FirelineError("out of memory", hint="close other programs, or use fewer images at a time"))
    except FirelineError as error:
        fail(error)
    except Exception:
        traceback.print_exc()
        click.echo("this is a fault of Fireline: please report it with the lines above", err=True)
        sys.exit(FAULT)


def fail(error: FirelineError) -> NoReturn:
    """Say what is wrong and end."""
    click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
    sys.exit(error.exit_code)
