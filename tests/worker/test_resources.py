"""What a worker may use comes from its settings, and does not show in the bytes of a step."""

from pathlib import Path

from secure_ds.core.resources import Resources, all_cores
from secure_ds.core.settings import load_settings
from secure_ds.training.encrypted.evaluation import evaluator_for
from secure_ds.worker.blobs import stored_blocks
from tests.prepared import Hands, prepared


def test_little_memory_does_not_show_in_the_ciphertext(tmp_path: Path) -> None:
    hands = Hands(prepared(tmp_path).installation)
    hands.carry_out()
    state = hands.plan.state_after(hands.answers)
    parts = [stored_blocks(hands.installation.context, hands.descriptor)]
    frugal = evaluator_for(hands.plan, parts, Resources(memory=2**20, directory=tmp_path))
    assert frugal.step(state) == [hands.evaluate()]


def test_settings_name_processes_memory_and_directory(tmp_path: Path) -> None:
    by_default = load_settings({}, home=tmp_path).resources
    assert by_default == Resources(processes=all_cores())
    variables = {"SECURE_DS_EVALUATOR_PROCESSES": "3", "SECURE_DS_EVALUATOR_MEMORY": str(2**22)}
    chosen = load_settings({**variables, "SECURE_DS_EVALUATOR_DIRECTORY": str(tmp_path)}, home=tmp_path).resources
    assert chosen == Resources(3, 2**22, tmp_path)
