"""Authlib: metadata, refresh, introspection and revocation."""

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from given import given

with OAuth2Session() as anybody:
    document = anybody.request("GET", get_well_known_url(given.issuer, external=True), withhold_token=True).json()
metadata = AuthorizationServerMetadata(document)
metadata.validate_issuer()
metadata.validate_token_endpoint()
metadata.validate_token_endpoint_auth_methods_supported()
metadata.validate_revocation_endpoint()
metadata.validate_introspection_endpoint()
metadata.validate_jwks_uri()
metadata.validate_grant_types_supported()


def client(id, secret, method):
    return OAuth2Session(id, secret, token_endpoint_auth_method=method, revocation_endpoint_auth_method=method)


def introspect(client, token):
    reply = client.introspect_token(metadata.introspection_endpoint, token=token, token_type_hint="access_token")
    assert reply.status_code == 200, reply.text
    return reply.json()


refresh_token = given.refresh_token
for method in ["client_secret_basic", "client_secret_post"]:
    with client(given.client_id, given.client_secret, method) as own:
        token = own.refresh_token(metadata.token_endpoint, refresh_token=refresh_token)
        assert token["token_type"] == "Bearer" and not token.is_expired(), token
        assert token["refresh_token"] != refresh_token
        refresh_token = token["refresh_token"]
        answer = introspect(own, token["access_token"])
        assert answer["active"] is True and answer["client_id"] == given.client_id, answer
        # The session stays.
        assert own.revoke_token(metadata.revocation_endpoint, token=token["access_token"]).status_code == 200
        assert introspect(own, token["access_token"]) == {"active": False}

with client(given.other_id, given.other_secret, "client_secret_basic") as other:
    try:
        other.refresh_token(metadata.token_endpoint, refresh_token=refresh_token)
        raise AssertionError("another client refreshed")
    except OAuthError as error:
        assert error.error == "invalid_grant", error

with client(given.client_id, given.client_secret, "client_secret_basic") as own:
    token = own.refresh_token(metadata.token_endpoint, refresh_token=refresh_token)
    # With the wrong hint.
    revoked = own.revoke_token(
        metadata.revocation_endpoint, token=token["refresh_token"], token_type_hint="access_token"
    )
    assert revoked.status_code == 200, revoked.text
    assert introspect(own, token["access_token"]) == {"active": False}
    try:
        own.refresh_token(metadata.token_endpoint, refresh_token=token["refresh_token"])
        raise AssertionError("a revoked token was refreshed")
    except OAuthError as error:
        assert error.error == "invalid_grant", error

with client(given.client_id, "wrong", "client_secret_basic") as wrong:
    try:
        wrong.refresh_token(metadata.token_endpoint, refresh_token=refresh_token)
        raise AssertionError("a wrong secret was accepted")
    except OAuthError as error:
        assert error.error == "invalid_client", error
