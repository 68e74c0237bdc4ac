"""A passkey in software, which answers as a browser and its device do (WebAuthn Level 2, §5.8 and §6)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from accounts.models import Passkey, User

FLAG = AuthenticatorData.FLAG


@dataclass
class Authenticator:
    """One key; `counter` goes up with every use, unless somebody sets it."""

    origin: str = "http://testserver"
    counter: int = 0
    verifies: bool = True
    frames: bool = False
    """Whether it makes sure of its owner, and whether the page that asks stands inside another site's."""
    handle: bytes | None = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def attested(self) -> AttestedCredentialData:
        public = ES256.from_cryptography_key(self.key.public_key())
        return AttestedCredentialData.create(Aaguid.NONE, self.credential_id, public)

    def keep(self, person: User, *, at: datetime, name: str = "laptop") -> Passkey:
        """Be somebody's passkey already, as a row."""
        return Passkey.objects.create(
            user=person, name=name, credential_id=self.credential_id, credential=bytes(self.attested), created_at=at
        )

    def make(self, options: Any) -> dict[str, Any]:
        """Answer PublicKeyCredentialCreationOptionsJSON as `credential.toJSON()` does."""
        made = AttestationObject.create("none", self._data(options["rp"]["id"], self.attested), {})
        told = self._client(CollectedClientData.TYPE.CREATE, options)
        response = {"clientDataJSON": websafe_encode(told), "attestationObject": websafe_encode(made)}
        return self._credential(response)

    def prove(self, options: Any) -> dict[str, Any]:
        """Answer PublicKeyCredentialRequestOptionsJSON."""
        self.counter += 1
        data, told = self._data(options["rpId"], None), self._client(CollectedClientData.TYPE.GET, options)
        signature = self.key.sign(data + hashlib.sha256(told).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": websafe_encode(told),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature),
        }
        if self.handle is not None:
            response["userHandle"] = websafe_encode(self.handle)
        return self._credential(response)

    def _data(self, host: str, attested: AttestedCredentialData | None) -> AuthenticatorData:
        flags = FLAG.UP | (FLAG.UV if self.verifies else FLAG(0)) | (FLAG.AT if attested is not None else FLAG(0))
        return AuthenticatorData.create(hashlib.sha256(host.encode()).digest(), flags, self.counter, attested or b"")

    def _client(self, kind: Any, options: Any) -> CollectedClientData:
        challenge = websafe_decode(options["challenge"])
        return CollectedClientData.create(kind, challenge, self.origin, cross_origin=self.frames)

    def _credential(self, response: dict[str, str]) -> dict[str, Any]:
        name = websafe_encode(self.credential_id)
        return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}
