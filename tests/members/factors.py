"""What have people in their pockets? Apps that show codes, and a passkey made of software."""

import hashlib
import json
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData

from medbook import clock
from members.choices import FactorKind
from members.models import SecondFactor
from members.rules.second_factor import code_at, step_of

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
ORIGIN = "https://testserver"


def app_of(user, **fields):
    """Give somebody an authenticator app."""
    return SecondFactor.objects.create(user=user, kind=FactorKind.APP, secret=SECRET, **fields)


def code_now(now=None, steps=0):
    """Read the code that the app shows, now or some steps away."""
    return code_at(SECRET, step_of(now or clock.now()) + steps)


class SoftwareKey:
    """A passkey: signs what a site asks, like a telephone would."""

    def __init__(self, credential_id=b"0123456789abcdef", count=0):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = credential_id
        self.count = count

    def create(self, options, origin=ORIGIN, *, has_key=True):
        """Answer as navigator.credentials.create() does."""
        asked = options["publicKey"]
        public = ES256.from_cryptography_key(self.key.public_key())
        made = AttestedCredentialData.create(Aaguid.NONE, self.credential_id, public)
        flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV
        if has_key:
            flags |= AuthenticatorData.FLAG.AT
        shown = AuthenticatorData.create(
            _hashed(asked["rp"]["id"]), flags, self.count, made if has_key else b""
        )
        attestation = AttestationObject.create("none", shown, {})
        return self._answer(
            {
                "clientDataJSON": _client_data("webauthn.create", asked, origin),
                "attestationObject": bytes(attestation),
            }
        )

    def get(self, options, origin=ORIGIN, flags=0x05):
        """Answer as navigator.credentials.get() does."""
        asked = options["publicKey"]
        self.count += 1
        client_data = _client_data("webauthn.get", asked, origin)
        shown = _hashed(asked["rpId"]) + struct.pack(">BI", flags, self.count)
        signed = shown + hashlib.sha256(client_data).digest()
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {"clientDataJSON": client_data, "authenticatorData": shown, "signature": signature}
        )

    def _answer(self, response):
        name = websafe_encode(self.credential_id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {key: websafe_encode(value) for key, value in response.items()},
        }


def _hashed(text):
    return hashlib.sha256(text.encode()).digest()


def _client_data(kind, asked, origin):
    return json.dumps({"type": kind, "challenge": asked["challenge"], "origin": origin}).encode()
