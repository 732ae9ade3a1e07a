// Express, jsonwebtoken and ioredis: `node express.mjs PORT REDIS_URL`. A key for each revoked token.

import { randomBytes, randomUUID } from "node:crypto";
import express from "express";
import { Redis } from "ioredis";
import jwt from "jsonwebtoken";

const [port, url] = process.argv.slice(2);
const redis = new Redis(url);
const secret = randomBytes(32);
const app = express();

async function authenticated(request, response, next) {
    const [scheme, token] = (request.get("authorization") ?? "").split(" ");
    try {
        if (scheme !== "Bearer") throw new Error("no token");
        request.user = jwt.verify(token, secret, { algorithms: ["HS256"], issuer: "peer", audience: "peer" });
    } catch {
        return response.status(401).json({ code: "unauthorized" });
    }
    if (await redis.exists(`revoked:${request.user.jti}`)) {
        return response.status(401).json({ code: "token_revoked" });
    }
    next();
}

app.post("/login", express.json(), (request, response) => {
    const { user_id, session_id } = request.body;
    const options = { algorithm: "HS256", issuer: "peer", audience: "peer", expiresIn: "1h", subject: user_id, jwtid: randomUUID() };
    response.json({ access_token: jwt.sign({ sid: session_id }, secret, options) });
});

app.get("/me", authenticated, (request, response) => {
    response.json({ user_id: request.user.sub, session_id: request.user.sid });
});

app.listen(Number(port), "127.0.0.1");
