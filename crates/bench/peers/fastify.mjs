// Fastify, @fastify/jwt and ioredis: `node fastify.mjs PORT REDIS_URL [cache]`. A key for each revoked token; with `cache`,
// fast-jwt keeps the tokens that it has verified.

import { randomBytes, randomUUID } from "node:crypto";
import jwt from "@fastify/jwt";
import Fastify from "fastify";
import { Redis } from "ioredis";

const [port, url, cache] = process.argv.slice(2);
const redis = new Redis(url);
const app = Fastify();

await app.register(jwt, {
    secret: randomBytes(32),
    sign: { algorithm: "HS256", iss: "peer", aud: "peer", expiresIn: "1h" },
    verify: { algorithms: ["HS256"], allowedIss: "peer", allowedAud: "peer", cache: cache ? 20_000 : false },
    trusted: async (request, token) => !(await redis.exists(`revoked:${token.jti}`)),
});

app.post("/login", async (request) => {
    const { user_id, session_id } = request.body;
    return { access_token: app.jwt.sign({ sub: user_id, sid: session_id, jti: randomUUID() }) };
});

app.get("/me", { onRequest: (request) => request.jwtVerify() }, async (request) => {
    return { user_id: request.user.sub, session_id: request.user.sid };
});

await app.listen({ port: Number(port), host: "127.0.0.1" });
