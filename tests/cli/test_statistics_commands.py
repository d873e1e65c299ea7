"""Statistics from the command line, against the real service: exact ones for their owner, and uploaded ones."""

import json
from pathlib import Path

from secure_ds.core.principal import Role
from secure_ds.training.encrypted.model_file import read_model
from tests.cli import test_collaboration_commands as real
from tests.installation import Installation

desk, served, installation = real.desk, real.served, real.installation

OWNER = f"north/{Role.DATA_OWNER}"
ASKED = ("--algorithm", "encrypted_least_squares", "--purpose", "research", "--epsilon", "2")


def uploaded(desk: real.Desk, installation: Installation, tmp_path: Path, *options: str) -> str:
    """Describe, encrypt with these options, and upload; return the data set's id."""
    (tmp_path / "map.json").write_text(json.dumps(real.MAP))
    table, declared, package = real.records(tmp_path / "a.csv", 1), str(tmp_path / "a.json"), str(tmp_path / "package")
    key = ("--upload-key", str(tmp_path / "upload.pem"))
    described = ("--tenant", "north", "--map", str(tmp_path / "map.json"), "--label", "label", "--purpose", "research")
    limits = ("--epsilon", "4", "--max-decryptions", "8", "--profile", "statistics-8192")
    desk(OWNER, "dataset", "describe", table, "--out", declared, *described, *limits)
    encrypted = ("dataset", "encrypt", table, "--declaration", declared, "--out", package, *key, *options)
    dataset_id: str = desk(OWNER, *encrypted)["dataset_id"]
    desk(OWNER, "dataset", "upload", package, "--name", "north", *key)
    installation.run()
    return dataset_id


def test_an_owner_opens_exact_statistics(desk: real.Desk, installation: Installation, tmp_path: Path) -> None:
    key, model = str(tmp_path / "results.pem"), tmp_path / "own.safetensors"
    dataset_id = uploaded(desk, installation, tmp_path, "--results-key", key)
    job = desk(OWNER, "job", "submit", dataset_id, *ASKED, "--release", "to_owner")
    opening = ("job", "statistics", job["id"], "--results-key", key, "--out", str(model))
    assert "no answer yet" in desk(OWNER, *opening, code=1)
    installation.run()
    assert desk(OWNER, *opening)["model"] == str(model)
    assert read_model(model.read_bytes()).tensors["weights"][0, 0] > 0.5, "the label follows the first column"
    other = desk(OWNER, "job", "submit", dataset_id, *ASKED)
    installation.run()
    assert "did not ask for statistics" in desk(OWNER, "job", "statistics", other["id"], *opening[3:], code=1)


def test_uploaded_statistics_train_and_are_said_to_be_asserted(
    desk: real.Desk, installation: Installation, tmp_path: Path
) -> None:
    dataset_id = uploaded(desk, installation, tmp_path, "--statistics")
    assert desk(OWNER, "dataset", "show", dataset_id)["norms"] == "asserted"
    job = desk(OWNER, "job", "submit", dataset_id, *ASKED)
    installation.run()
    done = desk(OWNER, "job", "show", job["id"])
    assert done["state"] == "succeeded", done["failure"]
    desk(OWNER, "model", "download", done["model_id"], "--out", str(tmp_path / "model"))
    assert all(check["passed"] for check in desk(OWNER, "model", "verify", str(tmp_path / "model")))
