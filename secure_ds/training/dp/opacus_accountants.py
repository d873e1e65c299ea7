"""Opacus's accountants against ours, before the first step: two libraries have to say the same of one event.

Rules kept here:
1. PRV (Gopi, Lee, Wutschitz 2021) is held against PLD, Renyi against Renyi, each within `TOLERANCE` of the other and
   what PRV itself allows for. A difference in either direction refuses: one of the two is then wrong, whichever.
2. What is claimed comes from `secure_ds.privacy.accountants` alone; nothing here makes a claim smaller.

It lives with the trainer, not with the accountants, as Opacus brings torch along.
"""

from __future__ import annotations

import warnings
from math import isfinite
from typing import Any, Final

import numpy as np
from opacus.accountants import PRVAccountant, RDPAccountant

from secure_ds.privacy.accountants import ORDERS, PLD, RDP
from secure_ds.privacy.errors import AccountantsDisagree, InvalidPrivacyParameter
from secure_ds.privacy.sampled import SampledGaussian
from secure_ds.training.dp.plan import DpPlan

TOLERANCE: Final = 0.005  # of epsilon: arithmetic and discretisation differ
PRV_ERROR: Final = 0.01  # of epsilon: what PRV is told it may be wrong by
LEAST_ERROR: Final = 0.005  # absolute, below which PRV would take minutes
LEAST_PRV_DELTA: Final = 1e-9  # PRV's convolutions are exact to about 1e-12


def prv_epsilon(event: SampledGaussian, delta: float, error: float) -> float:
    """Return Opacus's PRV upper bound, which is at most about 2 `error` above the true epsilon."""
    return _epsilon(PRVAccountant(), event, delta, eps_error=error)


def rdp_epsilon(event: SampledGaussian, delta: float) -> float:
    """Return Opacus's Renyi upper bound, at our orders."""
    return _epsilon(RDPAccountant(), event, delta, alphas=list(ORDERS))


def require_agreement(plan: DpPlan) -> None:
    """Hold a plan's accounting against Opacus's. Takes a second or two.

    Raises:
        AccountantsDisagree: an epsilon differs by more than the tolerance; nothing may be trained.
    """
    ours, delta = plan.epsilons, plan.delta_of_mechanism
    if RDP in ours:
        _require_close("Renyi", ours[RDP], rdp_epsilon(plan.event, delta), 0.0)
    if PLD in ours and delta >= LEAST_PRV_DELTA:
        error = max(LEAST_ERROR, PRV_ERROR * ours[PLD])
        _require_close("privacy loss", ours[PLD], prv_epsilon(plan.event, delta, error), 2 * error)


def _epsilon(accountant: PRVAccountant | RDPAccountant, event: SampledGaussian, delta: float, **how: Any) -> float:
    if event.truncated is not None:
        raise InvalidPrivacyParameter("Opacus has no accountant for truncated samples")
    accountant.history = [(event.noise_multiplier, event.sampling_rate, event.steps)]
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter(
            "ignore"
        )  # the best order may be the last, and a rate of 1 has log(1 - q) in dead branches
        return float(accountant.get_epsilon(delta, **how))


def _require_close(what: str, ours: float, theirs: float, error: float) -> None:
    if not (isfinite(theirs) and abs(ours - theirs) <= TOLERANCE * ours + error):
        raise AccountantsDisagree(f"{what} epsilon is {ours:.6g} by dp-accounting, but {theirs:.6g} by Opacus")
