"""`secure-ds job quote`."""

from typing import Any

import click

from secure_ds.cli.connection import Session, build, connected
from secure_ds.cli.training_options import training_options
from secure_ds.wire.jobs import QuoteView, TrainingRequest

MEGABYTE = 1_000_000


@click.command()
@training_options
@connected
def quote(session: Session, **training: Any) -> None:
    """Show what a job would cost, before anything is spent.

    \b
    Example:
      secure-ds job quote ds_... --purpose research --epsilon 1
      secure-ds job quote --collaboration collab_... --purpose research --epsilon 1
    """
    view = session.client.quote(build(TrainingRequest, **training))
    session.printer.one(view, _rows(view))


def _rows(view: QuoteView) -> dict[str, Any]:
    return {
        "admissible": "yes" if view.admissible else "no",
        "because": view.refusals or None,
        "epsilon": f"{view.epsilon:.6g}{_of_left(view.epsilon_left)} (delta {view.delta:.6g})",
        "privacy charged": view.epsilon_charged,
        "steps": view.steps,
        "noise": f"sigma {view.sigma:.6g}, sensitivity {view.sensitivity:.6g}" if view.sigma else None,
        "decryptions": f"{view.decryptions_needed}{_of_left(view.decryptions_left)}" if view.tau else None,
        "statistical security": _security(view),
        "levels": view.levels,
        "evaluation": _evaluation(view),
        "data set": f"{view.blob_bytes / MEGABYTE:.1f} MB",
        "time": f"about {view.seconds_estimate:.0f} s" if view.seconds_estimate else None,
        "plan": view.plan_digest,
    }


def _evaluation(view: QuoteView) -> str:
    if view.tau is None:
        return "in the clear, in the memory of this job's trainer alone"
    return "dual: alike by workers of two trust domains" if view.dual_evaluation else "by one worker"


def _of_left(left: float | None) -> str:
    """What data sets of one's own have left; of other members' nothing is shown."""
    return "" if left is None else f" of {left:.6g} left"


def _security(view: QuoteView) -> str | None:
    """s and tau; the one means nothing without the other."""
    if view.statistical_bits is None:
        return None
    return f"{view.statistical_bits:.3g} bits over {view.tau} decryptions"
