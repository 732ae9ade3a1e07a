// @sd-jwt/jwt-status-list: the place in a token, and its bit in the list, before the session ends and after.
import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { given } from './given.mjs'
import { getListFromStatusListJWT, getStatusListFromJWT } from '@sd-jwt/jwt-status-list'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const keys = createRemoteJWKSet(new URL(`${given.issuer}/.well-known/jwks.json`))
const { idx, uri } = getStatusListFromJWT(given.access_token)

const status = async () => {
  const reply = await fetch(uri, { headers: { accept: 'application/statuslist+jwt' } })
  assert.equal(reply.status, 200)
  assert.equal(reply.headers.get('content-type'), 'application/statuslist+jwt')
  const list = await reply.text()
  await jwtVerify(list, keys, { subject: uri, typ: 'statuslist+jwt', algorithms: ['EdDSA', 'Ed25519'] })
  return getListFromStatusListJWT(list).getStatus(idx)
}

assert.equal(await status(), 0)
const logout = await fetch(`${given.issuer}/api/logout`, {
  method: 'POST',
  headers: { authorization: `Bearer ${given.access_token}` },
})
assert.equal(logout.status, 204)
// The node looks once a second.
for (let tries = 0; (await status()) === 0; tries++) {
  assert.ok(tries < 100, 'the bit is not set')
  await setTimeout(200)
}
