"""A PKCS#11 token in memory, as the binding shows one, that tests can sabotage.

Rules:
- It does what a token does with the calls that `hsm.backends` makes, no more.
- Each way to break it is one attribute or one method of `SimulatedToken`.
- By default it is a poor token: no Ed25519, raw instead of DER points, other error codes than SoftHSM's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import Attribute, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as p11

MECHANISMS = {
    Mechanism.AES_KEY_GEN,
    Mechanism.AES_KEY_WRAP,
    Mechanism.EC_KEY_PAIR_GEN,
    Mechanism.ECDSA,
    Mechanism.ECDH1_DERIVE,
}
_USES = {
    MechanismFlag.WRAP: Attribute.WRAP,
    MechanismFlag.UNWRAP: Attribute.UNWRAP,
    MechanismFlag.SIGN: Attribute.SIGN,
    MechanismFlag.DERIVE: Attribute.DERIVE,
}


@dataclass
class SimulatedSlot:
    """The slot of a token: what it offers."""

    mechanisms: set[Mechanism] = field(default_factory=lambda: set(MECHANISMS))

    def get_mechanisms(self) -> set[Mechanism]:
        return self.mechanisms


class SimulatedToken:
    """A token, and at the same time the library that shows it."""

    label, serial, manufacturer_id, model = "simulated", b"0001", "nobody", "simulator"

    def __init__(self, pin: str = "correct") -> None:
        self.slot = SimulatedSlot()
        self.present = True
        self.capacity = 1000
        self.logins: list[str | None] = []
        self.overwrites: Callable[[SimulatedObject, SimulatedObject], bool] = lambda old, new: False
        """Whether making `new` replaces `old`; one real token does so when `same_id` holds."""
        self.forces: dict[Attribute, Any] = {}
        """Attributes that new stored secrets get, whatever was asked."""
        self.forgets: Callable[[SimulatedObject], bool] = lambda found: False
        """Which objects were only cached, and are gone after the library starts again."""
        self.answers: dict[str, Callable[[bytes], bytes]] = {}
        """By call (`sign`, `wrap_key`, `unwrap_key`, `derive_key`): what becomes of the right answer."""
        self.failures: dict[str, list[p11.PKCS11Error]] = {}
        """By call: errors that the next calls answer."""
        self.objects: list[SimulatedObject] = []
        self._pin = pin
        self._epoch = 0

    def get_tokens(self) -> Iterator[SimulatedToken]:
        if self.present:
            yield self

    def open(self, rw: bool, user_pin: str | None = None) -> SimulatedSession:
        self.logins.append(user_pin)
        self.fail_if_told("open")
        if user_pin != self._pin:
            raise p11.PinIncorrect
        return SimulatedSession(self, self._epoch)

    def lose_sessions(self) -> None:
        """Every open session is dead from now on; a new one works."""
        self._epoch += 1
        self.objects = [found for found in self.objects if found.attributes.get(Attribute.TOKEN)]

    def reinitialize(self) -> None:
        self.lose_sessions()
        self.objects = [found for found in self.objects if not self.forgets(found)]

    def fail_next(self, call: str, *errors: p11.PKCS11Error) -> None:
        """The next calls of `call` answer `errors`, one each."""
        self.failures.setdefault(call, []).extend(errors)

    def fail_if_told(self, call: str) -> None:
        if self.failures.get(call):
            raise self.failures[call].pop(0)

    def check(self, session: SimulatedSession, call: str) -> None:
        if not self.present:
            raise p11.DeviceRemoved
        if session.epoch != self._epoch:
            raise p11.SessionHandleInvalid
        self.fail_if_told(call)

    def add(self, new: SimulatedObject) -> SimulatedObject:
        if len(self.objects) >= self.capacity:
            raise p11.DeviceMemory
        self.objects = [old for old in self.objects if not self.overwrites(old, new)]
        if new.attributes.get(Attribute.TOKEN) and new.secret is not None:
            new.attributes.update(self.forces)
        self.objects.append(new)
        return new


@dataclass
class SimulatedSession:
    """A session with the token; `epoch` tells whether it is still alive."""

    token: SimulatedToken
    epoch: int

    def close(self) -> None:
        self.token.check(self, "close")

    def get_objects(self, wanted: dict[Attribute, Any]) -> Iterator[SimulatedObject]:
        self.token.check(self, "get_objects")
        for found in [*self.token.objects]:
            if all(found.attributes.get(name) == value for name, value in wanted.items()):
                yield SimulatedObject(self, found.attributes, found.secret)

    def create_object(self, attributes: dict[Attribute, Any]) -> SimulatedObject:
        self.token.check(self, "create_object")
        return self.token.add(SimulatedObject(self, dict(attributes), attributes.get(Attribute.VALUE)))

    def generate_key(self, _kind: Any, _bits: int, *, template: dict[Attribute, Any], **common: Any) -> SimulatedObject:
        self.token.check(self, "generate_key")
        attributes = {**_attributes(ObjectClass.SECRET_KEY, **common), **template}
        return self.token.add(SimulatedObject(self, attributes, os.urandom(32)))

    def create_domain_parameters(self, _kind: Any, _curve: Any, local: bool) -> SimulatedSession:
        return self

    def generate_keypair(
        self, *, mechanism: Any, private_template: Any, public_template: Any, **common: Any
    ) -> tuple[SimulatedObject, SimulatedObject]:
        self.token.check(self, "generate_keypair")
        pair = ec.generate_private_key(ec.SECP256R1())
        public = {**_attributes(ObjectClass.PUBLIC_KEY, **common), **public_template}
        public[Attribute.EC_POINT] = pair.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        private = {**_attributes(ObjectClass.PRIVATE_KEY, **common), **private_template}
        return self.token.add(SimulatedObject(self, public, None)), self.token.add(SimulatedObject(self, private, pair))


@dataclass
class SimulatedObject:
    """An object in the token, seen through one session."""

    session: SimulatedSession
    attributes: dict[Attribute, Any]
    secret: Any

    def __getitem__(self, name: Attribute) -> Any:
        return self.attributes[name]

    def get_attributes(self, names: list[Attribute]) -> dict[Attribute, Any]:
        return {name: self.attributes[name] for name in names if name in self.attributes}

    def destroy(self) -> None:
        token = self.session.token
        token.check(self.session, "destroy")
        token.objects = [found for found in token.objects if found.attributes is not self.attributes]

    def sign(self, digest: bytes, *, mechanism: Mechanism) -> bytes:
        signature = self._use("sign").sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        r, s = decode_dss_signature(signature)
        return self._answer("sign", r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def wrap_key(self, other: SimulatedObject, *, mechanism: Mechanism) -> bytes:
        return self._answer("wrap_key", aes_key_wrap(self._use("wrap_key"), other.secret))

    def unwrap_key(self, *_: Any, mechanism: Mechanism, capabilities: int, template: dict[Attribute, Any]) -> Any:
        try:
            value = aes_key_unwrap(self._use("unwrap_key"), _[2])
        except InvalidUnwrap:
            raise p11.WrappedKeyInvalid from None
        return self._temporary("unwrap_key", value, template)

    def derive_key(
        self, *_: Any, mechanism: Mechanism, mechanism_param: Any, capabilities: int, template: dict[Attribute, Any]
    ) -> Any:
        peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), mechanism_param[2])
        return self._temporary("derive_key", self._use("derive_key").exchange(ec.ECDH(), peer), template)

    def _use(self, call: str) -> Any:
        token = self.session.token
        token.check(self.session, call)
        if not any(found.attributes is self.attributes for found in token.objects):
            raise p11.KeyHandleInvalid
        return self.secret

    def _answer(self, call: str, right: bytes) -> bytes:
        return self.session.token.answers.get(call, bytes)(right)

    def _temporary(self, call: str, value: bytes, template: dict[Attribute, Any]) -> SimulatedObject:
        answered = self._answer(call, value)
        return self.session.token.add(SimulatedObject(self.session, {**template, Attribute.VALUE: answered}, None))


def _attributes(kind: ObjectClass, *, id: bytes, label: str, store: bool, capabilities: Any) -> dict[Attribute, Any]:
    uses = {name: True for flag, name in _USES.items() if flag & capabilities and kind is not ObjectClass.PUBLIC_KEY}
    return {Attribute.CLASS: kind, Attribute.ID: id, Attribute.LABEL: label, Attribute.TOKEN: store, **uses}


def same_id(old: SimulatedObject, new: SimulatedObject) -> bool:
    """Whether two objects are keys of one class and one CKA_ID."""
    return Attribute.ID in new.attributes and all(
        old.attributes.get(name) == new.attributes.get(name) for name in (Attribute.CLASS, Attribute.ID)
    )
