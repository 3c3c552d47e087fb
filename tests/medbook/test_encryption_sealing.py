import re
import uuid
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from medbook.encryption import IntegrityFailure, KeyUnavailable, open_sealed, seal
from medbook.encryption.sealing import OVERHEAD, cipher, key_id_of

ALICE = uuid.UUID("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")
BO = uuid.UUID("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c")
PUBLISHED = Path(cryptography_vectors.__file__).parent / "ciphers/AES/GCM"


def nist_cases(name):
    """Read the cases with our lengths: a nonce of 96 bits and a tag of 128."""
    lengths, case = {}, {}
    for line in (PUBLISHED / name).read_text().splitlines():
        if length := re.fullmatch(r"\[(\w+) = (\d+)\]", line):
            lengths[length[1]] = int(length[2])
        elif line == "FAIL":
            case["FAIL"] = True
        elif field := re.fullmatch(r"(\w+) = ?(\w*)", line):
            case[field[1]] = field[2]
        elif not line and case:
            if (lengths["IVlen"], lengths["Taglen"]) == (96, 128):
                yield {
                    k: v if k in ("FAIL", "Count") else bytes.fromhex(v) for k, v in case.items()
                }
            case = {}


def test_encrypts_as_nist_published():
    cases = list(nist_cases("gcmEncryptExtIV256.rsp"))

    assert len(cases) == 375
    for case in cases:
        sealed = cipher(case["Key"]).encrypt(case["IV"], case["PT"], case["AAD"])
        assert sealed == case["CT"] + case["Tag"]


def test_decrypts_and_refuses_as_nist_published():
    cases = list(nist_cases("gcmDecrypt256.rsp"))

    assert len(cases) == 375
    assert 0 < sum("FAIL" in case for case in cases) < len(cases)
    for case in cases:
        aes, body = cipher(case["Key"]), case["CT"] + case["Tag"]
        if "FAIL" in case:
            with pytest.raises(InvalidTag):
                aes.decrypt(case["IV"], body, case["AAD"])
        else:
            assert aes.decrypt(case["IV"], body, case["AAD"]) == case["PT"]


def test_format_is_the_documented_one(settings, monkeypatch):
    settings.DATA_KEYS = {258: bytes(range(32))}
    settings.DATA_KEY_ACTIVE = 258
    monkeypatch.setattr("os.urandom", lambda count: bytes(range(count)))

    sealed = seal("member.phone", ALICE, b"+8613800000003")

    header, nonce = bytes.fromhex("01010102"), bytes(range(12))
    by_hand = Cipher(algorithms.AES(bytes(range(32))), modes.GCM(nonce)).encryptor()
    by_hand.authenticate_additional_data(
        b"MB1" + header + b"\x00\x0cmember.phone" + ALICE.bytes,
    )
    body = by_hand.update(b"+8613800000003") + by_hand.finalize()
    assert sealed == header + nonce + body + by_hand.tag
    documented = (Path(__file__).parents[2] / "docs/encryption.md").read_text()
    assert sealed.hex() in re.sub(r"\s", "", documented)


@given(st.binary(max_size=300), st.uuids(), st.text(max_size=40))
@effort(deadline=None)
def test_opens_what_it_sealed(plaintext, uid, label):
    sealed = seal(label, uid, plaintext)

    assert open_sealed(label, uid, sealed) == plaintext
    assert len(sealed) == len(plaintext) + OVERHEAD


def test_equal_values_look_different():
    sealed = {seal("member.phone", ALICE, b"+8613800000003") for _ in range(100)}

    assert len(sealed) == 100
    assert len({value[4:16] for value in sealed}) == 100


def test_every_flipped_bit_is_noticed():
    sealed = seal("member.phone", ALICE, b"+8613800000003")

    for bit in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises((IntegrityFailure, KeyUnavailable)):
            open_sealed("member.phone", ALICE, bytes(altered))


def test_every_cut_is_noticed():
    sealed = seal("member.phone", ALICE, b"+8613800000003")

    for length in range(len(sealed)):
        with pytest.raises(IntegrityFailure):
            open_sealed("member.phone", ALICE, sealed[:length])
    with pytest.raises(IntegrityFailure):
        open_sealed("member.phone", ALICE, sealed + b"\0")


def test_a_value_of_another_row_does_not_open():
    sealed = seal("member.phone", ALICE, b"+8613800000003")

    with pytest.raises(IntegrityFailure):
        open_sealed("member.phone", BO, sealed)


@pytest.mark.parametrize("label", ["member.email", "patient.phone", "member.phon", ""])
def test_a_value_of_another_column_or_table_does_not_open(label):
    sealed = seal("member.phone", ALICE, b"+8613800000003")

    with pytest.raises(IntegrityFailure):
        open_sealed(label, ALICE, sealed)


def test_a_value_given_out_for_one_of_another_key_does_not_open():
    sealed = seal("member.phone", ALICE, b"+8613800000003")

    with pytest.raises(IntegrityFailure):
        open_sealed("member.phone", ALICE, b"\x01\x01\x00\x02" + sealed[4:])


def test_old_key_reads_and_new_key_writes(settings):
    old = seal("member.phone", ALICE, b"+8613800000003")
    settings.DATA_KEY_ACTIVE = 2

    new = seal("member.phone", ALICE, b"+8613800000003")

    assert (key_id_of(old), key_id_of(new)) == (1, 2)
    for sealed in (old, new):
        assert open_sealed("member.phone", ALICE, sealed) == b"+8613800000003"


def test_without_its_key_nothing_is_sealed_or_opened(settings):
    sealed = seal("member.phone", ALICE, b"+8613800000003")
    settings.DATA_KEYS = {}

    with pytest.raises(KeyUnavailable) as refusal:
        open_sealed("member.phone", ALICE, sealed)
    with pytest.raises(KeyUnavailable):
        seal("member.phone", ALICE, b"+8613800000003")
    assert refusal.value.code == "key_unavailable"


@pytest.mark.parametrize(("key_id", "key"), [(1, b"short" * 3 + b"!"), (70_000, bytes(32))])
def test_a_key_of_the_wrong_shape_counts_as_none(settings, key_id, key):
    settings.DATA_KEYS = {key_id: key}
    settings.DATA_KEY_ACTIVE = key_id

    with pytest.raises(KeyUnavailable):
        seal("member.phone", ALICE, b"+8613800000003")


def test_another_key_under_the_same_id_does_not_open(settings):
    sealed = seal("member.phone", ALICE, b"+8613800000003")
    settings.DATA_KEYS = {1: bytes(reversed(range(32)))}

    with pytest.raises(IntegrityFailure) as failure:
        open_sealed("member.phone", ALICE, sealed)
    assert failure.value.code == "integrity_failure"


@pytest.mark.parametrize("header", ["00010001", "02010001", "01020001", "01000001"])
def test_an_unknown_version_or_algorithm_does_not_open(header):
    sealed = seal("member.phone", ALICE, b"+8613800000003")

    with pytest.raises(IntegrityFailure):
        open_sealed("member.phone", ALICE, bytes.fromhex(header) + sealed[4:])


def test_failures_are_logged_without_the_value(caplog):
    sealed = seal("member.phone", ALICE, b"+8613800000003")

    with pytest.raises(IntegrityFailure) as failure:
        open_sealed("member.phone", BO, sealed)

    told = caplog.text + str(failure.value) + failure.value.detail
    assert str(BO) in told
    assert "13800000003" not in told
    assert sealed.hex() not in told
