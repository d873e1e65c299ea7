"""Errors of the privacy room. Each carries a stable `code`; messages say what was wrong and what would be right."""

from typing import ClassVar


class PrivacyError(Exception):
    """Root of everything this room raises on purpose."""

    code: ClassVar[str] = "privacy_error"


class InvalidPrivacyParameter(PrivacyError, ValueError):
    """A parameter is outside the range for which the guarantee is proven."""

    code: ClassVar[str] = "invalid_privacy_parameter"


class DeltaTooSmall(PrivacyError):
    """Delta does not even cover the distance between the real mechanism and the ideal Gaussian one."""

    code: ClassVar[str] = "delta_too_small"


class BudgetExceeded(PrivacyError):
    """A reservation would pass the data set's limit.

    Attributes:
        requested_units: what the job would cost, in units of 1e-12 mu^2.
        available_units: what is neither spent nor reserved.
        largest_epsilon: the largest epsilon a job could still take at the data set's delta.
    """

    code: ClassVar[str] = "budget_exceeded"

    def __init__(self, requested_units: int, available_units: int, largest_epsilon: float, delta: float) -> None:
        super().__init__(
            f"the job would cost mu^2 = {requested_units / 1e12:.6g}, but only {available_units / 1e12:.6g} is left; "
            + (
                f"a job of epsilon <= {largest_epsilon} at delta = {delta:.3g} would fit"
                if largest_epsilon
                else "no job fits any more"
            )
        )
        self.requested_units = requested_units
        self.available_units = available_units
        self.largest_epsilon = largest_epsilon


class RenyiBudgetExceeded(PrivacyError):
    """A reservation would pass the data set's limit at every Renyi order.

    Attributes:
        requested_steps: steps of the job.
        fitting_steps: how many of them would fit.
        epsilon_left: what is left of the limit's epsilon.
    """

    code: ClassVar[str] = "budget_exceeded"

    def __init__(self, requested_steps: int, fitting_steps: int, epsilon_left: float, delta: float) -> None:
        super().__init__(
            f"the budget has epsilon = {epsilon_left:.6g} at delta = {delta:.3g} left; {fitting_steps} of the job's "
            f"{requested_steps} steps would fit"
        )
        self.requested_steps = requested_steps
        self.fitting_steps = fitting_steps
        self.epsilon_left = epsilon_left


class PlanRefused(PrivacyError):
    """There is no private plan for what was asked; `reason` is stable, the message says what would be right."""

    code: ClassVar[str] = "plan_refused"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class ReleasesExceeded(PrivacyError):
    """A job has more steps than the data set's key may still decrypt."""

    code: ClassVar[str] = "releases_exceeded"

    def __init__(self, requested: int, available: int) -> None:
        super().__init__(f"the job decrypts {requested} vectors, but only {available} are left of the key's limit")
        self.requested = requested
        self.available = available


class StepConflict(PrivacyError):
    """A step already spent for one ciphertext was asked for again with another."""

    code: ClassVar[str] = "step_conflict"


class IllegalSpend(PrivacyError, RuntimeError):
    """The caller spends what was never reserved: out of order, past the last step, or after the reservation closed."""

    code: ClassVar[str] = "illegal_spend"


class AccountantsDisagree(PrivacyError):
    """Independent accountants do not confirm what a plan claims; nothing is trained."""

    code: ClassVar[str] = "accountants_disagree"
