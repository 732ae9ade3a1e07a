"""Flask-JWT-Extended and redis, run by gunicorn. A key for each revoked token, as its documentation does it."""

import os
import secrets

import redis
from flask import Flask, jsonify, request
from flask_jwt_extended import JWTManager, create_access_token, get_jwt, get_jwt_identity, jwt_required

app = Flask(__name__)
app.config["JWT_SECRET_KEY"] = secrets.token_hex(32)
app.config["JWT_ACCESS_TOKEN_EXPIRES"] = 60 * 60
jwt = JWTManager(app)
blocklist = redis.Redis.from_url(os.environ["REDIS_URL"])


@jwt.token_in_blocklist_loader
def is_revoked(header, payload):
    return blocklist.get("revoked:" + payload["jti"]) is not None


@app.post("/login")
def log_in():
    claims = {"sid": request.json["session_id"]}
    return jsonify(access_token=create_access_token(identity=request.json["user_id"], additional_claims=claims))


@app.get("/me")
@jwt_required()
def me():
    return jsonify(user_id=get_jwt_identity(), session_id=get_jwt()["sid"])
