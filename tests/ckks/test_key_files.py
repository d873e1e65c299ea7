"""The table of key files agrees with what is generated and what is checked."""

import pytest

from secure_ds.ckks.errors import MalformedCiphertext
from secure_ds.ckks.key_files import KEY_NAMES, PUBLIC, ROTATION, check_key_file, key_file_bytes
from secure_ds.ckks.keys import (
    generate_key_files,
    generate_public_key,
    generate_rotation_key,
    generate_secret_key,
)
from secure_ds.ckks.parameters import Parameters

PARAMETERS = Parameters.from_bits(4096, (26, 25, 25, 27))


def test_generated_files_have_the_names_lengths_and_content_of_the_table():
    files = dict(generate_key_files(PARAMETERS, generate_secret_key(PARAMETERS)))
    assert tuple(files) == KEY_NAMES
    for name, data in files.items():
        assert len(data) == key_file_bytes(name, PARAMETERS)
        check_key_file(name, data, PARAMETERS)
        for other in set(KEY_NAMES) - {name}:
            with pytest.raises(MalformedCiphertext):
                check_key_file(other, data, PARAMETERS)


def test_public_and_rotation_keys_have_their_lengths_and_checks():
    secret, public = generate_secret_key(PARAMETERS), generate_public_key(PARAMETERS, generate_secret_key(PARAMETERS))
    rotation = generate_rotation_key(PARAMETERS.tail, secret, generate_secret_key(PARAMETERS))
    for name, data in ((PUBLIC, public), (ROTATION, rotation)):
        assert len(data) == key_file_bytes(name, PARAMETERS)
        check_key_file(name, data, PARAMETERS)
    with pytest.raises(MalformedCiphertext):
        check_key_file(PUBLIC, rotation, PARAMETERS)


def test_other_names_are_unknown():
    with pytest.raises(KeyError):
        key_file_bytes("secret", PARAMETERS)
