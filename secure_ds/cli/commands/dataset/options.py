"""Options that the owner's commands share."""

import os
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.cli.profile import config_directory
from secure_ds.client.upload_key import load_upload_key, make_upload_key
from secure_ds.data.declared import declared_feature_map, declared_names
from secure_ds.data.feature_maps import FeatureMap, parse_feature_map
from secure_ds.data.sealed.declared import declared_schema, declared_schema_names
from secure_ds.data.sealed.schema import Schema, parse_schema

upload_key_option = click.option(
    "--upload-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your signing key (PEM); else upload_key.pem beside the profile, made when first needed.",
)


def upload_key_path(chosen: Path | None) -> Path:
    """Return where the owner's signing key is."""
    return chosen or config_directory(os.environ) / "upload_key.pem"


def own_upload_key(chosen: Path | None) -> Ed25519PrivateKey:
    """Return the owner's signing key, made where there is none yet.

    Raises:
        InvalidUploadKey: it cannot be read or made.
    """
    path = upload_key_path(chosen)
    return load_upload_key(path) if path.exists() else make_upload_key(path)


def feature_map_of(name: str) -> FeatureMap:
    """Return the declared feature map of that name, or the one in a file.

    Raises:
        InvalidDescriptor: the file declares none.
    """
    return declared_feature_map(name) if name in declared_names() else parse_feature_map(Path(name).read_bytes())


def schema_of(name: str) -> Schema:
    """Return the declared schema of that name, or the one in a file.

    Raises:
        InvalidDescriptor: the file declares none.
    """
    return declared_schema(name) if name in declared_schema_names() else parse_schema(Path(name).read_bytes())
