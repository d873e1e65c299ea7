"""The options that say what to train, shared by `job quote` and `job submit`."""

import functools
from collections.abc import Callable
from typing import Any, get_args

import click

from secure_ds.wire.jobs import Algorithm, Release

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
]


def training_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command; it receives them by name."""

    @functools.wraps(function)
    def run(*arguments: Any, dataset_ids: tuple[str, ...], **options: Any) -> None:
        if (options["dataset_id"] is None) == (options["collaboration_id"] is None):
            raise click.UsageError("name either a data set or, with --collaboration, a collaboration")
        function(*arguments, dataset_ids=list(dataset_ids) or None, **options)

    for option in reversed(_OPTIONS):
        run = option(run)
    return run
