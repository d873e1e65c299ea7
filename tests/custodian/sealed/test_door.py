"""No answer to any act on sealed data contains a data key, in any encoding, whatever is asked."""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.sealed.held import held_sealed
from secure_ds.custodian.server import create_server
from secure_ds.wire.sealed import SettleSealed
from tests.custodian.sealed.jobs import SealedJob
from tests.custodian.sealed.offers import SealedOffer
from tests.custodian.test_server import SEALED_ACTS


def test_no_answer_contains_a_data_key(custodian: CustodianContext, job: SealedJob) -> None:
    said = job.settlement(3)
    signed = SettleSealed(statement=said.statement, signature=said.sign(job.trainer.signing))
    questions = {
        "register_sealed": SealedOffer(custodian).message(),
        "grant_sealed": job.request,
        "release_keys": job.question(),
        "settle_sealed": signed,
    }
    assert questions.keys() == SEALED_ACTS - {"certify_sealed"}
    http = create_server(custodian, over_socket=False).test_client()
    key, wrapped = job.offer.data_key, held_sealed(custodian, job.offer.dataset_id).registration.wrapped_key
    forbidden = [key, key.hex().encode(), base64.b64encode(key), wrapped, base64.b64encode(wrapped)]
    for act, question in questions.items():
        body = question.model_dump_json()
        for sent in (body, "{}", body.replace("ds_", "dx_"), body[:-1]):
            answer = http.post(f"/{act}", data=sent)
            assert not any(secret in answer.data for secret in forbidden), act
            assert answer.status_code in (200, 400, 409), (act, answer.json)
            assert answer.status_code == 200 or sent != body, (act, answer.json)


def test_a_refusal_is_in_the_log_with_its_code(custodian: CustodianContext, job: SealedJob) -> None:
    said = job.settlement(3)
    forged = SettleSealed(statement=said.statement, signature=said.sign(Ed25519PrivateKey.generate()))
    http = create_server(custodian, over_socket=False).test_client()
    answer = http.post("/settle_sealed", data=forged.model_dump_json())
    assert (answer.status_code, answer.get_json()["code"]) == (409, "settlement_rejected")
    with custodian.store.read() as work:
        last = [found.read().draft for found in work.audit.walk(0, work.audit.head().size)][-1]
    assert (last.action, last.details["code"]) == ("key:refuse", "settlement_rejected")
