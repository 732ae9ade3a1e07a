"""requests-oauthlib: refresh by hand and by itself, and revocation."""

import requests
from given import given
from oauthlib.oauth2 import InvalidGrantError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

token_url, revoke_url = given.issuer + "/oauth/token", given.issuer + "/oauth/revoke"
basic = HTTPBasicAuth(given.client_id, given.client_secret)

session = OAuth2Session(given.client_id, token={"refresh_token": given.refresh_token, "token_type": "Bearer"})
token = session.refresh_token(token_url, auth=basic)
assert token["token_type"] == "Bearer" and token["refresh_token"] != given.refresh_token, token
assert session.get(given.issuer + "/api/me").status_code == 200

# An expired token is refreshed by itself, with the secret in the form.
kept = []
session = OAuth2Session(
    given.client_id,
    token={**token, "expires_in": -1, "expires_at": 1},
    auto_refresh_url=token_url,
    auto_refresh_kwargs={"client_id": given.client_id, "client_secret": given.client_secret},
    token_updater=kept.append,
)
assert session.get(given.issuer + "/api/me").status_code == 200
[token] = kept

other = OAuth2Session(given.other_id, token=token)
try:
    other.refresh_token(token_url, auth=HTTPBasicAuth(given.other_id, given.other_secret))
    raise AssertionError("another client refreshed")
except InvalidGrantError:
    pass


# oauthlib writes the request, and any HTTP client sends it.
def revoke(token, hint):
    url, headers, body = session._client.prepare_token_revocation_request(revoke_url, token, hint)
    assert requests.post(url, headers=headers, data=body, auth=basic).status_code == 200


revoke(token["access_token"], "access_token")
assert requests.get(given.issuer + "/api/me", headers={"Authorization": "Bearer " + token["access_token"]}).status_code == 401
revoke(token["refresh_token"], "refresh_token")
last = OAuth2Session(given.client_id, token=token)
try:
    last.refresh_token(token_url, auth=basic)
    raise AssertionError("a revoked token was refreshed")
except InvalidGrantError:
    pass
