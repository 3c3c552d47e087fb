"""Keys of two parties, as PEM and as what signs."""

import base64
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256


class Party:
    """Whoever has a key of 2048 bits."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def private_pem(self):
        unencrypted = forms.NoEncryption()
        return self.key.private_bytes(
            forms.Encoding.PEM, forms.PrivateFormat.PKCS8, unencrypted
        ).decode()

    @cached_property
    def public_pem(self):
        public = self.key.public_key()
        return public.public_bytes(
            forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    def sign(self, text):
        return base64.b64encode(self.key.sign(text.encode(), padding.PKCS1v15(), SHA256())).decode()

    def has_signed(self, text, signature):
        try:
            self.key.public_key().verify(
                base64.b64decode(signature), text.encode(), padding.PKCS1v15(), SHA256()
            )
        except InvalidSignature:
            return False
        return True
