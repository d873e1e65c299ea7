"""The attack of Li and Micciancio (Eurocrypt 2021): whoever sees exact CKKS decryptions has the secret key.

A ciphertext is a pair with c0 + c1 * s = m modulo q. The attacker knows c0 and c1 of every step (they recompute them,
as `job recheck` does) and is told something about m. Two steps give two equations in the one unknown s; their least
squares solution is s = (sum_i c1_i* (m_i - c0_i)) / (sum_i c1_i* c1_i), computed in the ring, where x* is x under
X -> 1/X.

With exact decryptions (the control: a test build that decrypts every coefficient and adds nothing) this is s to the
last coefficient. From what the service releases, which is d of N coefficients, with the plan's noise and rounded, it is
not: the solution is as far from s as a random element of the ring. What the attacker fills in for coefficients that
were never released is their best guess, 0: the packing clears them but for an error that nobody was told.

What this shows is that the known attack does not work; that no other gets far is the flooding rule's claim
(`LogisticPlan.statistical_bits`), not this test's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from secure_ds.ckks.decryption import decrypt_released
from secure_ds.ckks.format import residues
from secure_ds.ckks.ntt import PrimeField, transform
from secure_ds.ckks.profiles import BITS_FOR_MORE_ANSWERS, FAST
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.custodian.held_keys import held_key, unwrapped
from secure_ds.privacy.discrete_gaussian import sample_discrete_gaussian
from secure_ds.training.encrypted.logistic.plan import LogisticPlan
from tests.prepared import Hands, Prepared

Coefficients = npt.NDArray[np.int64]
BY_CHANCE = 20  # of N = 8192 coefficients; a random element of the ring agrees with a ternary one in none


@dataclass(frozen=True)
class Release:
    """One step as the attacker sees it: the ciphertext, and what was said about its plaintext's coefficients."""

    ciphertext: bytes
    plaintext: Sequence[int]


class Attacker:
    """Solves for the secret modulo the first prime, which is all it takes, given releases under one key."""

    def __init__(self, plan: LogisticPlan) -> None:
        self.parameters = plan.circuit.parameters
        self.degree = self.parameters.poly_modulus_degree
        self.level = plan.circuit.answer_level
        self.prime = self.parameters.data_primes[0]
        self.field = PrimeField(self.prime)
        self.transform = transform(self.degree, self.prime)

    def recover(self, releases: Sequence[Release]) -> Coefficients:
        """Return the centred coefficients of the least squares solution."""
        numerator = denominator = np.zeros(self.degree, dtype=np.uint64)
        for release in releases:
            c0, c1 = (part[0] for part in residues(release.ciphertext, self.parameters, self.level))
            mirrored = self.field.montgomery(self._mirror(c1))
            known = self.field.subtract(self._evaluate(release.plaintext), c0)
            numerator = self.field.add(numerator, self.field.multiply(known, mirrored))
            denominator = self.field.add(denominator, self.field.multiply(c1, mirrored))
        inverses = np.array([pow(int(value), -1, self.prime) for value in denominator], dtype=np.uint64)
        solution = self.transform.inverse(self.field.multiply(numerator, self.field.montgomery(inverses)))
        centred = solution.astype(np.int64)
        return np.where(centred > self.prime // 2, centred - self.prime, centred)

    def _evaluate(self, plaintext: Sequence[int]) -> npt.NDArray[np.uint64]:
        return self.transform.forward(np.array([value % self.prime for value in plaintext], dtype=np.uint64))

    def _mirror(self, evaluations: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """Apply X -> 1/X: coefficient j moves to N - j with its sign turned."""
        coefficients = self.transform.inverse(evaluations)
        turned = np.roll(coefficients[::-1], 1)
        turned[1:] = np.where(turned[1:] == 0, turned[1:], self.prime - turned[1:])
        return self.transform.forward(turned)


@pytest.fixture
def two_steps(hands: Hands) -> list[tuple[bytes, list[int]]]:
    """Ciphertext and released answer of a job's first two steps."""
    seen = []
    for _ in range(2):
        ciphertext = hands.evaluate()
        seen.append((ciphertext, hands.carry_out()))
    return seen


@pytest.fixture
def secret(ready: Prepared) -> Coefficients:
    """The key that nobody but the custodian may ever know."""
    custodian = ready.installation.custodian
    with unwrapped(custodian, held_key(custodian, ready.dataset_id)[0]) as key:
        return key._coefficients.astype(np.int64).copy()


def decrypt_everything(hands: Hands, secret: Coefficients, ciphertext: bytes, noise: Sequence[int]) -> list[int]:
    """The test build: every coefficient, with noise of the caller's choice."""
    circuit = hands.plan.circuit
    return decrypt_released(
        circuit.parameters,
        SecretKey(secret.astype(np.int8)),
        ciphertext,
        level=circuit.answer_level,
        scale=circuit.answer_scale,
        positions=range(circuit.parameters.poly_modulus_degree),
        noise=noise,
    )


def agreement(found: Coefficients, secret: Coefficients) -> int:
    """How many coefficients an attack got right."""
    return int((found == secret).sum())


def test_control_two_exact_decryptions_give_the_key(
    hands: Hands, two_steps: list[tuple[bytes, list[int]]], secret: Coefficients
) -> None:
    silence = [0] * secret.size
    releases = [
        Release(ciphertext, decrypt_everything(hands, secret, ciphertext, silence)) for ciphertext, _ in two_steps
    ]
    assert agreement(Attacker(hands.plan).recover(releases), secret) == secret.size


def test_control_one_exact_decryption_is_enough(
    hands: Hands, two_steps: list[tuple[bytes, list[int]]], secret: Coefficients
) -> None:
    """s = (m - c0) / c1, which is what least squares is with one equation."""
    ciphertext, _ = two_steps[0]
    release = Release(ciphertext, decrypt_everything(hands, secret, ciphertext, [0] * secret.size))
    assert agreement(Attacker(hands.plan).recover([release]), secret) == secret.size


def test_what_the_service_releases_does_not_give_the_key(
    hands: Hands, two_steps: list[tuple[bytes, list[int]]], secret: Coefficients
) -> None:
    releases = [Release(ciphertext, best_guess(hands.plan, answer)) for ciphertext, answer in two_steps]
    assert agreement(Attacker(hands.plan).recover(releases), secret) <= BY_CHANCE


def test_the_plans_noise_alone_defeats_the_attack(
    hands: Hands, two_steps: list[tuple[bytes, list[int]]], secret: Coefficients
) -> None:
    """Even a custodian that gave away all coefficients of two steps, with its noise on them, would keep the key."""
    releases = []
    for ciphertext, _ in two_steps:
        noise = sample_discrete_gaussian(hands.plan.releases(0)[0].variances[0], secret.size)
        releases.append(Release(ciphertext, decrypt_everything(hands, secret, ciphertext, noise)))
    assert agreement(Attacker(hands.plan).recover(releases), secret) <= BY_CHANCE


def test_withholding_the_other_coefficients_alone_defeats_the_attack(
    hands: Hands, two_steps: list[tuple[bytes, list[int]]], secret: Coefficients
) -> None:
    """The released coefficients exactly, the others guessed: their error of evaluation is what an attacker lacks."""
    releases = []
    for ciphertext, _ in two_steps:
        exact = decrypt_everything(hands, secret, ciphertext, [0] * secret.size)
        released = set(hands.plan.circuit.positions)
        guessed = [value if index in released else 0 for index, value in enumerate(exact)]
        assert any(value for index, value in enumerate(exact) if index not in released)
        releases.append(Release(ciphertext, guessed))
    assert agreement(Attacker(hands.plan).recover(releases), secret) <= BY_CHANCE


def test_one_wrong_unit_in_one_coefficient_is_too_much_for_the_attack(
    hands: Hands, two_steps: list[tuple[bytes, list[int]]], secret: Coefficients
) -> None:
    """Why least squares is hopeless in this ring: the inverse of c1 spreads any error over everything."""
    ciphertext, _ = two_steps[0]
    exact = decrypt_everything(hands, secret, ciphertext, [0] * secret.size)
    exact[5] += 1
    assert agreement(Attacker(hands.plan).recover([Release(ciphertext, exact)]), secret) <= BY_CHANCE


def test_released_noise_is_what_the_plan_promised(
    hands: Hands, two_steps: list[tuple[bytes, list[int]]], secret: Coefficients
) -> None:
    """The figures of the flooding rule hold for these very answers: not one of them is exact."""
    for ciphertext, answer in two_steps:
        exact = decrypt_everything(hands, secret, ciphertext, [0] * secret.size)
        deviation = hands.plan.sigma * hands.plan.circuit.answer_scale
        for position, value in zip(hands.plan.circuit.positions, answer, strict=True):
            error = value * hands.plan.releases(0)[0].step - exact[position]
            assert 0 < abs(error) < 12 * deviation
    assert hands.plan.statistical_bits >= FAST.statistical_bits - BITS_FOR_MORE_ANSWERS


def test_the_stated_limit_a_dishonest_worker_has_the_key_itself_decrypted(hands: Hands, secret: Coefficients) -> None:
    """The custodian sees a ciphertext's form, not what it was computed from: (0, K) decrypts to K times the key.

    As many coefficients as an answer has numbers. `job recheck` finds it; dual evaluation refuses it, as it refuses
    every ciphertext that only one worker vouches for (`test_masked_record`). The threat model says so (limit 1).
    """
    circuit, honest = hands.plan.circuit, hands.evaluate()
    factor = circuit.parameters.modulus(circuit.answer_level) // 8
    residues_of = np.array([factor % prime for prime in circuit.parameters.data_primes[: circuit.answer_level + 1]])
    body = np.repeat(residues_of.astype("<u8"), circuit.parameters.poly_modulus_degree).tobytes()
    crafted = honest[: len(honest) - 2 * len(body)] + bytes(len(body)) + body
    hands.evaluate = lambda: crafted  # type: ignore[method-assign]
    answer = hands.carry_out()
    read = [round(value * hands.plan.releases(0)[0].step / factor) for value in answer]
    assert read == secret[list(circuit.positions)].tolist()


def best_guess(plan: LogisticPlan, answer: Sequence[int]) -> list[int]:
    """All N coefficients as well as the attacker can know them."""
    guess = [0] * plan.circuit.parameters.poly_modulus_degree
    for position, value in zip(plan.circuit.positions, answer, strict=True):
        guess[position] = value * plan.releases(0)[0].step
    return guess
