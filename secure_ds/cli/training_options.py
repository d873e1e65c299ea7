"""The options that say what to train, shared by `job quote` and `job submit`."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, get_args

import click

from secure_ds.wire.jobs import SEALED, Algorithm, Release

_SEALED: Final = ("model", "batch_size", "l2_norm_clip", "clipping", "optimiser", "sampler", "canaries")

_OPTIONS = [
    click.argument("dataset_id", required=False),
    click.option("--collaboration", "collaboration_id", metavar="ID", help="Train on a collaboration's data sets."),
    click.option(
        "--dataset", "dataset_ids", multiple=True, metavar="ID", help="Of a collaboration, only these. Repeat it."
    ),
    click.option(
        "--algorithm", type=click.Choice(get_args(Algorithm)), default=get_args(Algorithm)[0], show_default=True
    ),
    click.option("--purpose", required=True, help="What the model is for; the owner and your token must allow it."),
    click.option("--epsilon", type=float, required=True, help="Privacy to spend."),
    click.option("--delta", type=float, default=1e-5, show_default=True, help="Must be the data set's own delta."),
    click.option("--steps", type=int, help="Number of gradient steps; else a rule chooses."),
    click.option("--radius", type=float, help="Bound on the norm of the weights; else a rule chooses."),
    click.option("--learning-rate", type=float, help="Else a rule chooses."),
    click.option("--momentum", type=float, help="Else a rule chooses."),
    click.option("--hidden-units", type=int, help="Units of a hidden layer; else a rule chooses."),
    click.option("--seed", type=int, help="Public seed of the weights that a network begins with."),
    click.option(
        "--release",
        type=click.Choice(get_args(Release)),
        default=get_args(Release)[0],
        show_default=True,
        help="to_owner: exact statistics of your own data set, sealed to your results key; least squares only.",
    ),
    click.option(
        "--dual-evaluation", is_flag=True, help="Workers of two trust domains must evaluate every step alike."
    ),
    click.option(
        "--model",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Sealed data: a JSON file that configures the model; else a rule chooses.",
    ),
    click.option("--batch-size", type=int, help="Sealed data: expected records (or users) of a step."),
    click.option("--l2-norm-clip", type=float, help="Sealed data: bound on each record's (or user's) gradient."),
    click.option(
        "--clipping", type=click.Choice(["flat", "automatic"]), help="Sealed data: how gradients are bounded."
    ),
    click.option("--optimiser", type=click.Choice(["dp_sgd", "dp_adam", "dp_adamw"]), help="Sealed data."),
    click.option("--sampler", type=click.Choice(["poisson", "truncated_poisson"]), help="Sealed data."),
    click.option("--canaries", type=int, help="Sealed data: canaries of a one-run audit."),
]


def training_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command; it receives them by name."""

    @functools.wraps(function)
    def run(*arguments: Any, dataset_ids: tuple[str, ...], **options: Any) -> None:
        if (options["dataset_id"] is None) == (options["collaboration_id"] is None):
            raise click.UsageError("name either a data set or, with --collaboration, a collaboration")
        sealed = _sealed({name: options.pop(name) for name in _SEALED}, options["algorithm"])
        function(*arguments, dataset_ids=list(dataset_ids) or None, sealed=sealed, **options)

    for option in reversed(_OPTIONS):
        run = option(run)
    return run


def _sealed(given: dict[str, Any], algorithm: str) -> dict[str, Any] | None:
    """The settings that only sealed training has."""
    named = {name: value for name, value in given.items() if value is not None}
    if not named:
        return None
    if algorithm != SEALED:
        option = "--" + next(iter(named)).replace("_", "-")
        raise click.UsageError(f"{option} goes with --algorithm {SEALED} alone")
    if isinstance(path := named.get("model"), Path):
        try:
            named["model"] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise click.UsageError(f"--model: {path} is not JSON") from error
    return named
