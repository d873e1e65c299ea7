"""The successor of a data set: the same encrypted files, with another secret key for the answers.

Rules kept here:

1. A successor differs from its parent in id, secret key, number of decryptions and what it says of the parent, and in
   nothing else. Files, feature map, budget, purposes and upload key stay, so nothing is uploaded or checked again.
2. The files stay under the first key. Answers are computed under it, with its evaluation keys, and every answer is
   switched to the successor's key by a *rotation key*, which the custodian makes, for it alone holds both secrets.
3. A new key wins no new secrecy for the old files: their noise is what it was, and answers under any key of the line
   speak of it. So the noise of a successor's answers is sized for the decryptions of the whole line
   (`prior_decryptions`): limits of earlier keys count in full, whether they were used up or not.
"""

import rfc8785

from secure_ds.ckks.input_files import SYMMETRIC_SEEDED
from secure_ds.data.descriptor import MAX_PRIOR_DECRYPTIONS, DatasetDescriptor, FileReference
from secure_ds.data.errors import InvalidDescriptor


def successor(
    parent: DatasetDescriptor, *, dataset_id: str, sealed_key: FileReference, max_decryptions: int
) -> DatasetDescriptor:
    """Return the one descriptor that a successor with this id, key and number of decryptions can have.

    Raises:
        InvalidDescriptor: the parent's key is shared with other owners, or the line has had too many decryptions.
    """
    if parent.encryption != SYMMETRIC_SEEDED:
        raise InvalidDescriptor("a key that several owners encrypt under cannot be rotated by one of them")
    fields = {
        **parent.model_dump(mode="json"),
        "dataset_id": dataset_id,
        "sealed_key": sealed_key.model_dump(mode="json"),
        "limits": parent.limits.model_dump(mode="json") | {"max_decryptions": max_decryptions},
        "rotation": _rotation(parent),
    }
    return DatasetDescriptor.model_validate_json(rfc8785.dumps(fields))


def require_successor(child: DatasetDescriptor, parent: DatasetDescriptor) -> None:
    """Refuse a descriptor that is not the parent's successor in the sense of this module.

    Raises:
        InvalidDescriptor: it differs in something that a rotation does not change; names it.
    """
    if child.sealed_key is None:
        raise InvalidDescriptor("a successor brings a secret key of its own")
    right = successor(
        parent,
        dataset_id=child.dataset_id,
        sealed_key=child.sealed_key,
        max_decryptions=child.limits.max_decryptions,
    )
    names = type(child).model_fields
    if differing := [name for name in names if getattr(child, name) != getattr(right, name)]:
        raise InvalidDescriptor(f"not the successor of its parent: {', '.join(differing)} must be as the parent says")


def _rotation(parent: DatasetDescriptor) -> dict[str, object]:
    prior = parent.prior_decryptions + parent.limits.max_decryptions
    if prior > MAX_PRIOR_DECRYPTIONS:
        raise InvalidDescriptor("this line of keys has had all decryptions it can have; encrypt the records anew")
    return {
        "parent": parent.dataset_id,
        "parent_descriptor": parent.digest,
        "files_of": parent.files_of,
        "prior_decryptions": prior,
    }
