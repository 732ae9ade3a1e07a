"""Gives schemathesis what it cannot make up: credentials that are genuine at the time of each request."""

import os

import requests
import schemathesis

URL = os.environ["RESCIND_TEST_URL"]
ACCOUNT = {"username": "alice", "password": "correct horse battery staple"}
CLIENT = ("app", os.environ["RESCIND_TEST_CLIENT_SECRET"])
# These end the session whose tokens they get, or use up its refresh token.
ENDING = ("log_out", "end_session", "oauth_revoke", "refresh", "oauth_token", "browser")

tokens = None
calls = 0


def current():
    global tokens
    if tokens is None:
        reply = requests.post(f"{URL}/api/login", json=ACCOUNT, timeout=30)
        reply.raise_for_status()
        tokens = reply.json()
    return tokens


@schemathesis.auth(refresh_interval=None)
class Credentials:
    def get(self, case, context):
        return current()

    def set(self, case, tokens, context):
        operation = context.operation
        alternatives = operation.definition.raw["security"]
        names = {name for alternative in alternatives for name in alternative}
        if "bearer" in names:
            case.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        elif "client" in names:
            case.headers["Authorization"] = requests.auth._basic_auth_str(*CLIENT)
        if operation.path in ("/logout", "/refresh"):
            schemes = operation.schema.raw_schema["components"]["securitySchemes"]
            case.cookies[schemes["refreshCookie"]["name"]] = tokens["refresh_token"]
            # As the forms of its own pages do.
            case.headers["Origin"] = URL


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives every other valid body genuine contents."""
    global calls
    calls += 1
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if not is_valid or not isinstance(case.body, dict) or calls % 2:
        return
    signs_up = case.operation.path == "/api/users"
    known = {
        **ACCOUNT,
        **({"username": f"user{calls}"} if signs_up else {}),
        "refresh_token": current()["refresh_token"],
        "token": current()["access_token"],
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
    }
    case.body = {name: known.get(name, value) for name, value in case.body.items()}


@schemathesis.hook
def after_call(context, case, response):
    global tokens
    if case.operation.definition.raw["operationId"].startswith(ENDING):
        tokens = None
