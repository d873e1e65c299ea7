"""Calling for a collaboration, and who learns of it; the rest of its life is in `test_joint_jobs`."""

from pathlib import Path

import pytest

from secure_ds.core.principal import Role
from secure_ds.services.errors import AccessDenied, IdempotencyConflict, InvalidTerms, NotFound, StateConflict
from secure_ds.wire.service import ExplainRequest
from tests.collaborating import Joined, Member, group_package, joined, named, terms
from tests.installation import random_records


@pytest.fixture
def scene(tmp_path: Path) -> Joined:
    return joined(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"members": named("south", "bank")},
        {"members": named("north", "north")},
        {"members": [named("north")[0], named("north")[0] | {"tenant": "south"}]},
        {"profile": "none-such"},
        {"feature_map": {"map": "none_such"}},
        {"classes": ["only", "only"]},
        {"max_records": 2**24},
    ],
    ids=str,
)
def test_terms_that_cannot_be_are_refused_before_any_key_is_made(scene: Joined, changes: dict[str, object]) -> None:
    before = len(scene.log("north", "key:found"))
    with pytest.raises(InvalidTerms):
        scene.installation.services.create_collaboration(scene.north.owner, terms(**changes), None)
    assert len(scene.log("north", "key:found")) == before


def test_only_owners_of_data_call_for_one(scene: Joined) -> None:
    with pytest.raises(AccessDenied):
        scene.installation.services.create_collaboration(scene.engineer, terms(), None)


def test_a_repeated_call_makes_one_collaboration(scene: Joined) -> None:
    services = scene.installation.services
    first, again = (services.create_collaboration(scene.north.owner, terms(), "once") for _ in range(2))
    assert first == again
    assert len(services.list_collaborations(scene.south.owner, None, 50).items) == 2
    with pytest.raises(IdempotencyConflict):
        services.create_collaboration(scene.north.owner, terms(name="another"), "once")


def test_every_member_is_told_and_finds_it_and_nobody_else_does(scene: Joined) -> None:
    services = scene.installation.services
    bank = scene.installation.caller("owner-bank", tenant="bank")
    assert services.list_collaborations(bank, None, 50).items == []
    for owner, tenant in ((scene.north.owner, "north"), (scene.south.owner, "south")):
        (shown,) = services.list_collaborations(owner, None, 50).items
        assert (shown.id, shown.tenant, shown.members) == (scene.id, "north", ["north", "south"])
        (told,) = scene.log(tenant, "collaboration:create")
        assert told["details"]["statement"] == scene.statement.digest
    assert [
        each["details"]["tenant"] for each in scene.log("north", "collaboration:join") if each["decision"] is None
    ] == ["south"]


def test_a_data_set_takes_part_once_it_is_ready(scene: Joined) -> None:
    key = scene.north.upload_key
    package = group_package(scene.installation, scene.statement, "north", random_records(), key)
    scene.installation.register(scene.north.owner, package, Path())
    with pytest.raises(StateConflict, match="uploading"):
        scene.consent(Member(scene.north.owner, key, package.descriptor), "joined")


def test_a_data_set_of_its_own_key_takes_part_in_nothing(scene: Joined) -> None:
    owner = scene.north.owner
    alone = scene.installation.ready_dataset(owner, tenant="north")
    with pytest.raises(NotFound):
        scene.consent(
            Member(
                owner,
                scene.north.upload_key,
                scene.north.descriptor.model_copy(update={"dataset_id": alone.dataset_id}),
            ),
            "joined",
        )


def test_keys_of_a_group_are_listed_to_its_members(scene: Joined) -> None:
    for tenant, seen in (("north", True), ("south", True), ("bank", False)):
        officer = scene.installation.caller(f"security-{tenant}", Role.SECURITY_OFFICER, tenant=tenant)
        labels = {key.label for key in scene.installation.services.list_keys(officer).items}
        assert (f"group/{scene.id}" in labels) == seen


def test_policies_explain_what_may_be_done_with_one(scene: Joined) -> None:
    officer = scene.installation.caller("security-south", Role.SECURITY_OFFICER, tenant="south")
    view = scene.installation.services.explain(officer, ExplainRequest(action="collaboration:read", object_id=scene.id))
    assert not view.allowed and "collaboration:read" in view.explanation
    stranger = scene.installation.caller("security-bank", Role.SECURITY_OFFICER, tenant="bank")
    with pytest.raises(NotFound):
        scene.installation.services.explain(stranger, ExplainRequest(action="collaboration:read", object_id=scene.id))
