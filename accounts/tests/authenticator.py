"""A passkey in software, which answers as a browser and its device do (WebAuthn Level 2, §5.8 and §6)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
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

FLAG = AuthenticatorData.FLAG


@dataclass
class Authenticator:
    """One key; `counter` goes up with every use, unless somebody sets it."""

    origin: str = "http://testserver"
    counter: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def make(self, options: Any) -> dict[str, Any]:
        """Answer PublicKeyCredentialCreationOptionsJSON as `credential.toJSON()` does."""
        public = ES256.from_cryptography_key(self.key.public_key())
        attested = AttestedCredentialData.create(Aaguid.NONE, self.credential_id, public)
        made = AttestationObject.create("none", self._data(options["rp"]["id"], attested), {})
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
        return self._credential(response)

    def _data(self, host: str, attested: AttestedCredentialData | None) -> AuthenticatorData:
        flags = FLAG.UP | FLAG.UV | (FLAG.AT if attested is not None else FLAG(0))
        return AuthenticatorData.create(hashlib.sha256(host.encode()).digest(), flags, self.counter, attested or b"")

    def _client(self, kind: Any, options: Any) -> CollectedClientData:
        return CollectedClientData.create(kind, websafe_decode(options["challenge"]), self.origin)

    def _credential(self, response: dict[str, str]) -> dict[str, Any]:
        name = websafe_encode(self.credential_id)
        return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}
