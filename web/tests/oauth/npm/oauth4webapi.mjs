// oauth4webapi: metadata, refresh, introspection, revocation, and an access token by RFC 9068.
import assert from 'node:assert/strict'
import { given } from './given.mjs'
import * as oauth from 'oauth4webapi'

const plain = { [oauth.allowInsecureRequests]: true }
const issuer = new URL(given.issuer)
const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...plain })
const as = await oauth.processDiscoveryResponse(issuer, found)

const introspect = async (client, auth, token) => {
  const reply = await oauth.introspectionRequest(as, client, auth, token, plain)
  return oauth.processIntrospectionResponse(as, client, reply)
}
const refresh = async (client, auth, token) => {
  const reply = await oauth.refreshTokenGrantRequest(as, client, auth, token, plain)
  return oauth.processRefreshTokenResponse(as, client, reply)
}
const revoke = async (client, auth, token, hint) => {
  const options = { ...plain, additionalParameters: { token_type_hint: hint } }
  const reply = await oauth.revocationRequest(as, client, auth, token, options)
  return oauth.processRevocationResponse(reply)
}
const validate = (token) => {
  const request = new Request(`${given.issuer}/anything`, { headers: { authorization: `Bearer ${token}` } })
  return oauth.validateJwtAccessToken(as, request, 'rescind-api', plain)
}

const own = { client_id: given.client_id }
const ways = [oauth.ClientSecretBasic(given.client_secret), oauth.ClientSecretPost(given.client_secret)]
let { refresh_token: token } = given
for (const auth of ways) {
  const next = await refresh(own, auth, token)
  assert.notEqual(next.refresh_token, token)
  token = next.refresh_token
  const claims = await validate(next.access_token)
  assert.equal(claims.client_id, given.client_id)
  const answer = await introspect(own, auth, next.access_token)
  assert.deepEqual([answer.active, answer.jti, answer.sid], [true, claims.jti, claims.sid])
  await revoke(own, auth, next.access_token, 'refresh_token')
  assert.deepEqual(await introspect(own, auth, next.access_token), { active: false })
}

const other = { client_id: given.other_id }
const foreign = oauth.ClientSecretBasic(given.other_secret)
await assert.rejects(refresh(other, foreign, token), { error: 'invalid_grant' })
await assert.rejects(revoke(other, foreign, token), { error: 'invalid_grant' })
await assert.rejects(refresh(own, oauth.ClientSecretPost('wrong'), token), (error) => {
  // A challenge is an error of its own kind.
  return error.code === oauth.WWW_AUTHENTICATE_CHALLENGE && error.status === 401
})

const last = await refresh(own, ways[0], token)
await revoke(own, ways[0], last.refresh_token)
assert.deepEqual(await introspect(own, ways[0], last.access_token), { active: false })
await assert.rejects(refresh(own, ways[0], last.refresh_token), { error: 'invalid_grant' })
