"""PyJWT: the published keys, and a token checked by them alone."""

import jwt
from given import given

keys = jwt.PyJWKClient(given.issuer + "/.well-known/jwks.json")


def check(token, **changes):
    key = keys.get_signing_key_from_jwt(token)
    expected = {"audience": "rescind-api", "issuer": given.issuer, "algorithms": ["EdDSA"], **changes}
    return jwt.decode(token, key.key, options={"require": ["exp", "iat", "sub", "jti", "sid"]}, **expected)


claims = check(given.access_token)
assert claims["client_id"] == given.client_id, claims
assert jwt.get_unverified_header(given.access_token)["typ"] == "at+jwt"

head, body, signature = given.access_token.split(".")
forged = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
for token, changes, expected in [
    (f"{head}.{body}.{forged}", {}, jwt.InvalidSignatureError),
    (given.access_token, {"audience": "another"}, jwt.InvalidAudienceError),
    (given.access_token, {"issuer": "https://another.example"}, jwt.InvalidIssuerError),
    (given.access_token, {"algorithms": ["HS256"]}, jwt.InvalidAlgorithmError),
]:
    try:
        check(token, **changes)
        raise AssertionError(f"accepted: {expected}")
    except expected:
        pass
