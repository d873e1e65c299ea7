"""Labels of tenants' keys: legal in every key store, and of one tenant each."""

from hypothesis import given
from hypothesis import strategies as st

from hsm.keys import check_label
from secure_ds.core.key_labels import is_of_another_tenant, wrapping_label

tenants = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True)


@given(tenants)
def test_every_tenant_has_a_legal_label(tenant: str) -> None:
    assert check_label(wrapping_label(tenant)) == wrapping_label(tenant)


@given(tenants, tenants)
def test_no_two_tenants_share_one(one: str, other: str) -> None:
    assert (wrapping_label(one) == wrapping_label(other)) == (one == other)
    assert is_of_another_tenant(wrapping_label(one), other) == (one != other)


def test_names_are_kept_where_they_can_be() -> None:
    assert wrapping_label("clinic") == "wrap/clinic"
    assert wrapping_label("Clinic") != wrapping_label("clinic")


def test_the_services_own_keys_are_no_tenants() -> None:
    assert not any(is_of_another_tenant(label, "clinic") for label in ("sealing", "certificates", "checkpoints"))
