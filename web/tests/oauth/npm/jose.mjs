// jose: the published keys, and a token checked by them alone.
import assert from 'node:assert/strict'
import { given } from './given.mjs'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

const keys = createRemoteJWKSet(new URL(`${given.issuer}/.well-known/jwks.json`))
const expected = { issuer: given.issuer, audience: 'rescind-api', typ: 'at+jwt', algorithms: ['EdDSA', 'Ed25519'] }

const { payload } = await jwtVerify(given.access_token, keys, expected)
assert.equal(payload.client_id, given.client_id)

const [head, body, signature] = given.access_token.split('.')
const other = signature[10] === 'A' ? 'B' : 'A'
const forged = [head, body, signature.slice(0, 10) + other + signature.slice(11)].join('.')
await assert.rejects(jwtVerify(forged, keys, expected), errors.JWSSignatureVerificationFailed)
for (const changed of [{ audience: 'another' }, { issuer: 'https://another.example' }]) {
  await assert.rejects(jwtVerify(given.access_token, keys, { ...expected, ...changed }), errors.JWTClaimValidationFailed)
}
await assert.rejects(jwtVerify(given.access_token, keys, { ...expected, algorithms: ['HS256'] }), errors.JOSEAlgNotAllowed)
