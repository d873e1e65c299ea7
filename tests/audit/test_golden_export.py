"""An export as it was when the format was fixed: the writer still makes these bytes, the verifier still reads them."""

import pytest

from audit.verify import verify_export
from tests.audit.support import SealedLog

LINES = (
    r'{"@format":"secure-ds/audit-export/v1","first":"0","frontier":[],"origin":"audit.example/log","size":"2","te'
    r'nant":"clinic"}',
    r'{"entry":"{\"@format\":\"secure-ds/audit-entry/v1\",\"action\":\"job.submit\",\"actor\":{\"id\":\"user_alice'
    r'\",\"kind\":\"user\",\"roles\":[\"data_owner\"],\"tenant\":\"clinic\"},\"dataset_id\":null,\"decision\":null'
    r',\"details\":{\"bytes\":\"1048576\"},\"event_id\":null,\"index\":\"0\",\"job_id\":null,\"model_id\":null,\"o'
    r'bject_id\":null,\"outcome\":\"allowed\",\"request_id\":null,\"salt\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"tenant\"'
    r':\"clinic\",\"time\":\"2026-11-22T16:49:06.000123Z\"}","index":"0","leaf_hash":"19f28ed8dcf45ce0ce985abebebf'
    r'16c665634a840a58fad92384071ddf721193"}',
    r'{"index":"1","leaf_hash":"9be6cce0d41776d32232fd1e9a5dcc3094ffe53624e713fb02b6707a66a4cffd"}',
    r'{"checkpoint":"audit.example/log\n2\n8XtiDUlmPjCTmgpMOLUvVmCP8qFMZ/6sbnrbOqclX4I=\n\n— audit.example/log Nb6'
    r'1OlW3rRfaLvrvGYQiJ1DPLBeSpGz7fTKwQAg1pHsfJPlhG6sx4LROwcgMZ5bnRBFC9037zvuIZames98nku6uKgE=\n"}',
)  # fmt: skip
GOLDEN = [line + "\n" for line in LINES]


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> SealedLog:
    monkeypatch.setattr("audit.log.secrets.token_bytes", bytes)  # a salt of zeros, so that hashes are always the same
    sealed = SealedLog()
    sealed.record(1, details={"bytes": "1048576"})
    sealed.record(1, tenant="bank")
    sealed.seal()
    return sealed


def test_the_writer_makes_these_bytes(sealed: SealedLog) -> None:
    assert sealed.export("clinic") == GOLDEN


def test_the_verifier_reads_them(sealed: SealedLog) -> None:
    report = verify_export(GOLDEN, sealed.keys)
    assert report.ok, report.findings
    assert (report.shown, report.withheld, report.size) == (1, 1, 2)
