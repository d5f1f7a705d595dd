"""Keys, MACs and ciphers against published vectors, and against pysnmp where there are none."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters._snmp import usm

ENGINE_ID = bytes.fromhex("000000000000000000000002")
PASSWORD = b"maplesyrup"
SHA1_KUL = "6695febc9288e36282235fc7151f128497b38f3f"

# RFC 3414 sections A.3.1 and A.3.2.
RFC_3414 = {
    "md5": ("9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"),
    "sha1": ("9fb5cc0381497b3793528939ff788d5d79145211", SHA1_KUL),
}


@pytest.mark.parametrize(("hash_name", "keys"), RFC_3414.items(), ids=RFC_3414)
def test_passwords_become_the_keys_of_rfc_3414(hash_name, keys):
    ku = usm.password_to_key(hash_name, PASSWORD)
    assert (ku.hex(), usm.localize(hash_name, ku, ENGINE_ID).hex()) == keys


def test_reeders_longer_key_is_that_of_the_draft():
    """
    draft-reeder-snmpv3-usm-3desede-00 section B.2.
    """
    long = usm.lengthen_reeder("sha1", bytes.fromhex(SHA1_KUL), 40, ENGINE_ID)
    assert long.hex() == SHA1_KUL + "9b8b6d78936ba6e7d19dfd9cd2d5065547743fb5"


def test_blumenthals_longer_key_is_the_key_and_its_hash():
    key = bytes.fromhex(SHA1_KUL)
    assert usm.lengthen_blumenthal("sha1", key, 32) == key + hashlib.sha1(key).digest()[:12]  # noqa: S324 - the protocol's
    assert usm.lengthen_blumenthal("sha512", bytes(64), 32) == bytes(32)


# RFC 2202 section 3 and RFC 4231 section 4.3 (key "Jefe"), cut as RFC 3414 and RFC 7860 say.
MACS = {
    "sha1": "effcdf6ae5eb2fa2d27416d5",
    "sha224": "a30e01098bc6dbbf45690f3a7e9e6d0f",
    "sha256": "5bdcc146bf60754e6a042426089575c75a003f089d273983",
    "sha384": "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e",
    "sha512": "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
    "9758bf75c05a994a6d034f65f8f0e6fd",
}


@pytest.mark.parametrize(("auth", "mac"), MACS.items(), ids=MACS)
def test_macs_are_those_of_the_rfcs(auth, mac):
    keys = usm.Keys(usm.AUTH[auth], b"Jefe", None)
    text = b"what do ya want for nothing?"
    assert keys.mac(text).hex() == mac
    assert keys.mac_bytes == len(mac) // 2
    assert keys.authentic(text, bytes.fromhex(mac))
    assert not keys.authentic(text, bytes.fromhex(mac[:-2] + "00"))
    assert not keys.authentic(text, bytes.fromhex(mac[:-2]))
    assert not keys.authentic(text, b"")


# NIST SP 800-38A sections F.3.13, F.3.15 and F.3.17: the first block.
CIPHERS = {
    16: ("2b7e151628aed2a6abf7158809cf4f3c", "3b3fd92eb72dad20333449f8e83cfb4a"),
    24: ("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", "cdc80d6fddf18cab34c25909c99a4174"),
    32: (
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        "dc7e84bfda79164b7ecd8486985d3860",
    ),
}


@pytest.mark.parametrize(("key", "cipher"), CIPHERS.values(), ids=CIPHERS)
def test_ciphers_are_those_of_nist(key, cipher):
    keys = usm.Keys(None, b"", usm.AES(bytes.fromhex(key)))
    text = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    vector = (0x00010203, 0x04050607, bytes(range(8, 16)))
    assert keys.encrypt(text, *vector).hex() == cipher
    assert keys.decrypt(bytes.fromhex(cipher), *vector) == text


@given(
    st.binary(max_size=200), st.sampled_from(sorted(usm.AUTH)), st.sampled_from(sorted(usm.PRIV))
)
def test_what_is_encrypted_is_decrypted(text, auth, priv):
    keys = usm.Keys(usm.AUTH[auth], b"", usm.AES(bytes(usm.PRIV[priv].key_bytes)))
    cipher = keys.encrypt(text, 1, 2, bytes(8))
    assert len(cipher) == len(text)
    assert keys.decrypt(cipher, 1, 2, bytes(8)) == text


@pytest.mark.parametrize("password", [b"", b"1234567"])
def test_short_passwords_are_refused(password):
    with pytest.raises(ValueError, match="at least 8"):
        usm.masters("sha256", password, "none", b"")
    with pytest.raises(ValueError, match="at least 8"):
        usm.masters("sha256", PASSWORD, "aes128", password)


def test_privacy_needs_authentication():
    with pytest.raises(ValueError, match="encrypts nothing"):
        usm.masters("none", b"", "aes128", PASSWORD)


@pytest.mark.parametrize(("auth", "priv"), [("md5", "aes128"), ("sha256", "des")])
def test_weak_protocols_do_not_exist(auth, priv):
    with pytest.raises(ValueError, match="no such protocol"):
        usm.masters(auth, PASSWORD, priv, PASSWORD)


def test_a_user_without_keys_proves_nothing():
    keys = usm.localized(usm.masters("none", b"", "none", b""), ENGINE_ID)
    assert keys.mac_bytes == 0
    assert keys.mac(b"text") == b""
    assert not keys.authentic(b"text", b"")
    with pytest.raises(ValueError, match="without privacy"):
        keys.encrypt(b"text", 1, 2, bytes(8))


def test_no_repr_shows_a_key():
    masters = usm.masters("sha512", PASSWORD, "aes256", PASSWORD)
    keys = usm.localized(masters, ENGINE_ID)
    shown = repr(masters) + repr(keys)
    assert masters.auth_key.hex() not in shown
    assert repr(masters.auth_key) not in shown
    assert repr(keys.auth_key) not in shown
    assert "AES object" not in shown
