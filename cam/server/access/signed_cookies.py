"""What a visitor's browser holds: a signed cookie that says that the code was given, and one that tells visitors apart.

Both are signed with `server.cookieSecret` of Streamlit, by default a random one for as long as the server runs, and
hold with one code only.
"""

import hashlib
import hmac
import secrets
import unicodedata
from typing import TYPE_CHECKING

from streamlit import config

if TYPE_CHECKING:
    from itsdangerous import URLSafeTimedSerializer

ENTRY, VISITOR = "classcam_entry", "classcam_visitor"
# A day of school; the browser forgets the cookies when it is closed.
HOURS = 12


def is_code(given: str, code: str) -> bool:
    """Whether a visitor gave the code; takes equally long wherever they differ."""
    return hmac.compare_digest(_digest(given), _digest(code))


def issue(kind: str, code: str) -> str:
    """A new cookie of a kind."""
    return _signer(kind, code).dumps(secrets.token_urlsafe(12))


def read(kind: str, code: str, cookie: str | None) -> str | None:
    """What a cookie of a kind holds; None if it was not issued here, for another code, or too long ago."""
    from itsdangerous import BadSignature

    try:
        return _signer(kind, code).loads(cookie or "", max_age=HOURS * 3600)
    except BadSignature:
        return None


def _digest(text: str) -> bytes:
    # Keyboards write the same letters in more than one way.
    return hashlib.sha256(unicodedata.normalize("NFKC", text.strip()).encode()).digest()


def _signer(kind: str, code: str) -> "URLSafeTimedSerializer":
    # Only servers with a code need it.
    from itsdangerous import URLSafeTimedSerializer

    salt = f"{kind} {_digest(code).hex()}"
    secret = config.get_option("server.cookieSecret")
    return URLSafeTimedSerializer(secret, salt, signer_kwargs={"digest_method": hashlib.sha256})
