"""
Private keys under a pass phrase: PKCS#8 with PBES2 (RFC 8018), as `openssl pkey` reads them too.
"""

from __future__ import annotations

from Crypto.IO import PEM, PKCS8
from Crypto.Util.asn1 import DerObjectId, DerSequence

from bitdust_node.errors import Invalid

#: rsaEncryption of RFC 8017, PBES2 and PBKDF2 of RFC 8018, scrypt of RFC 7914.
RSA, PBES2, PBKDF2 = "1.2.840.113549.1.1.1", "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12"
SCRYPT = "1.3.6.1.4.1.11591.4.11"
#: What a guess costs: N, r and p of RFC 7914. OpenSSL opens nothing that needs more than 32 MB, and a backup should be
#: opened by anybody in twenty years: so it takes its time one after the other.
N, R, P = 2**14, 8, 8
#: What a key that comes from anywhere may cost at most: N * r * p (some seconds), bytes of memory of scrypt
#: (128 * N * r), and rounds of PBKDF2.
WORK_LIMIT, MEMORY_LIMIT, ROUNDS_LIMIT = 2**24, 2**28, 10_000_000

_MARK = "ENCRYPTED PRIVATE KEY"


def seal(key: bytes, pass_phrase: str) -> str:
    """
    An RSA private key (PKCS#1, DER) as PEM that only the pass phrase opens, by scrypt and AES-256-CBC.
    """
    cost = {"iteration_count": N, "block_size": R, "parallelization": P}
    sealed = PKCS8.wrap(key, RSA, pass_phrase.encode(), "scryptAndAES256-CBC", cost)  # type: ignore[arg-type]
    return PEM.encode(sealed, _MARK) + "\n"


def check_cost(text: str) -> None:
    """
    Look at what opening a PEM will cost, before it is paid; raises `Invalid`. One that is not under a pass phrase, or
    by another scheme than PKCS#8, costs nothing.
    """
    begin, end = f"-----BEGIN {_MARK}-----", f"-----END {_MARK}-----"
    if begin not in text:
        return
    try:
        sealed, _, _ = PEM.decode(text[text.index(begin) : text.index(end) + len(end)])
        scheme, settings = _algorithm(DerSequence().decode(sealed)[0])
        kdf, cost = _algorithm(DerSequence().decode(settings)[0])
        numbers = [one for one in DerSequence().decode(cost)[1:] if isinstance(one, int)]
    except (ValueError, IndexError, TypeError, EOFError) as error:
        raise Invalid("not a private key under a pass phrase") from error
    if scheme != PBES2 or not numbers or min(numbers) < 1:
        raise Invalid("a private key under a pass phrase by a scheme that is not used any more")
    if kdf == SCRYPT and len(numbers) >= 3:
        n, r, p = numbers[:3]
        dear = n * r * p > WORK_LIMIT or 128 * n * r > MEMORY_LIMIT
    else:
        dear = kdf != PBKDF2 or numbers[0] > ROUNDS_LIMIT
    if dear:
        raise Invalid("opening the private key by its pass phrase would take too much time or memory")


def _algorithm(encoded: bytes) -> tuple[str, bytes]:
    """An AlgorithmIdentifier: its name, and what it says more."""
    found = DerSequence().decode(encoded, nr_elements=2)
    return DerObjectId().decode(found[0]).value, found[1]
