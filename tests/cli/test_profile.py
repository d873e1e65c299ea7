"""Where address and token come from, and which files are refused."""

from pathlib import Path

import pytest

from secure_ds.cli.profile import InvalidProfile, load_profile


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def write(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "secure-ds" / "client.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_options_go_over_variables_over_the_file(tmp_path: Path, environment: dict[str, str]) -> None:
    write(tmp_path, 'url = "https://file"\ntoken = "from-file"\n')
    assert load_profile(environment).url == "https://file"
    assert load_profile(environment).token == "from-file"
    environment |= {"SECURE_DS_URL": "https://variable/", "SECURE_DS_TOKEN": "from-variable"}
    assert load_profile(environment).url == "https://variable"
    assert load_profile(environment).token == "from-variable"
    secret = tmp_path / "token"
    secret.touch(0o600)
    secret.write_text("from-option\n")
    chosen = load_profile(environment, url="https://option", token_file=secret, trust_file=tmp_path / "t")
    assert (chosen.url, chosen.token, chosen.trust_file) == ("https://option", "from-option", tmp_path / "t")


def test_trust_file_has_a_place(tmp_path: Path, environment: dict[str, str]) -> None:
    assert load_profile(environment, url="https://x").trust_file == tmp_path / "secure-ds" / "trust.json"
    environment["SECURE_DS_TRUST_FILE"] = "/elsewhere"
    assert load_profile(environment, url="https://x").trust_file == Path("/elsewhere")


def test_no_address_is_an_error(environment: dict[str, str]) -> None:
    with pytest.raises(InvalidProfile, match="SECURE_DS_URL"):
        load_profile(environment)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_profile_that_others_may_read_is_refused(tmp_path: Path, environment: dict[str, str], mode: int) -> None:
    write(tmp_path, 'url = "https://file"\n', mode)
    with pytest.raises(InvalidProfile, match="chmod 600"):
        load_profile(environment)


def test_token_file_that_others_may_read_is_refused(tmp_path: Path, environment: dict[str, str]) -> None:
    secret = tmp_path / "token"
    secret.write_text("t")
    secret.chmod(0o644)
    with pytest.raises(InvalidProfile, match="chmod 600"):
        load_profile(environment, url="https://x", token_file=secret)


@pytest.mark.parametrize("text", ["url = ", 'address = "https://x"', "url = 5", "[service]"])
def test_profile_with_anything_else_is_refused(tmp_path: Path, environment: dict[str, str], text: str) -> None:
    write(tmp_path, text)
    with pytest.raises(InvalidProfile):
        load_profile(environment)


def test_missing_token_file_is_refused(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(InvalidProfile, match="cannot be read"):
        load_profile(environment, url="https://x", token_file=tmp_path / "none")


def test_token_is_not_in_the_repr(environment: dict[str, str]) -> None:
    environment["SECURE_DS_TOKEN"] = "sds_secret"
    assert "sds_secret" not in repr(load_profile(environment, url="https://x"))
