"""Terms of the hidden-layer error proof that no decryption shows by itself."""

from dataclasses import fields, replace

import numpy as np

from secure_ds.ckks.bounds import NoiseModel
from secure_ds.ckks.hidden_layer.error import HiddenError
from secure_ds.ckks.hidden_layer.plan import HiddenCircuit
from tests.ckks.hidden_layer.circuits import clear_gradients, hidden_plan_for, random_network
from tests.ckks.softmax.circuits import ClassRecords, random_class_records


def _error(plan: HiddenCircuit) -> HiddenError:
    noise = NoiseModel(plan.parameters, n_columns=plan.shape.n_features + 4, n_blocks=1)
    sizes = (plan.n_records, plan.shape.n_features, plan.shape.n_hidden, plan.shape.n_labels)
    return HiddenError(noise, plan.scales, plan.activation, *sizes, *plan.cut_radii, plan.eta, plan.labels, plan.rho)


def test_an_error_of_the_columns_moves_the_clear_gradients_by_at_most_what_the_proof_says() -> None:
    """Terms in ||D|| against random and adversarial perturbations of records and labels, without any encryption."""
    rng, delta, n, d, c = np.random.default_rng(1), 1e-3, 100, 5, 3
    plan = hidden_plan_for(random_class_records(n, d, c))
    names = [
        field.name for field in fields(plan.scales) if field.name not in ("first_weights", "second_weights", "linear")
    ]
    without_noise = replace(_error(plan), scales=replace(plan.scales, **dict.fromkeys(names, 1e300)))
    for seed in range(150):
        records = random_class_records(n, d, c, seed)
        first, second = random_network(plan, seed)
        D = rng.normal(size=(n, d + c)) if seed % 2 else np.outer(rng.normal(size=n), rng.normal(size=d + c))
        D *= delta / np.linalg.norm(D, 2)
        moved = ClassRecords(records.X + D[:, :d], records.V + D[:, d:])
        found, exact = (clear_gradients(data, plan, first, second) for data in (moved, records))
        distance = np.hypot(*(np.linalg.norm(one - other) for one, other in zip(found, exact, strict=True)))
        assert distance <= without_noise.bound(delta)


def test_rounded_constants_stay_within_their_bound() -> None:
    """Redo the lifted label and the shift as the circuit rounds them, for all records at the edge."""
    plan = hidden_plan_for(random_class_records(500, 4, 3))
    scales, activation = plan.scales, plan.activation
    off_label = abs(scales.label - scales.z / scales.inputs) / scales.label * plan.labels
    exact_shift = activation.linear / (2 * activation.square) * scales.half
    off_slope = 2 * activation.square * abs(scales.shift - exact_shift) / scales.half
    second = 500 * off_label * activation.largest
    first = 500 * plan.cut_radii[1] * (off_label * activation.steepest + plan.rho * off_slope)
    assert np.hypot(first, second) <= _error(plan).rounded_constants() <= plan.beta


def test_the_bound_grows_with_the_error_of_the_columns_and_with_every_size() -> None:
    error = _error(hidden_plan_for(random_class_records(100, 5, 3)))
    assert error.bound(0) < error.bound(1e-9) < error.bound(2e-9)
    for name in ("places", "n_hidden", "n_outputs"):
        assert replace(error, **{name: 4 * getattr(error, name)}).bound(1e-9) > error.bound(1e-9)
