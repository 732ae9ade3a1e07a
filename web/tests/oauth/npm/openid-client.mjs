// openid-client: metadata, refresh, introspection and revocation.
import assert from 'node:assert/strict'
import { given } from './given.mjs'
import * as client from 'openid-client'

const discover = (id, secret, auth) =>
  client.discovery(new URL(given.issuer), id, secret, auth, {
    algorithm: 'oauth2',
    execute: [client.allowInsecureRequests],
  })

let { refresh_token: token } = given
for (const auth of [client.ClientSecretBasic, client.ClientSecretPost]) {
  const own = await discover(given.client_id, undefined, auth(given.client_secret))
  const next = await client.refreshTokenGrant(own, token)
  assert.notEqual(next.refresh_token, token)
  token = next.refresh_token
  const answer = await client.tokenIntrospection(own, next.access_token)
  assert.deepEqual([answer.active, answer.client_id], [true, given.client_id])
  await client.tokenRevocation(own, next.access_token, { token_type_hint: 'refresh_token' })
  assert.deepEqual(await client.tokenIntrospection(own, next.access_token), { active: false })
}

const other = await discover(given.other_id, given.other_secret)
await assert.rejects(client.refreshTokenGrant(other, token), { error: 'invalid_grant' })

const own = await discover(given.client_id, given.client_secret)
const last = await client.refreshTokenGrant(own, token)
assert.deepEqual(await client.tokenIntrospection(other, last.access_token), { active: false })
await client.tokenRevocation(own, last.refresh_token)
assert.deepEqual(await client.tokenIntrospection(own, last.access_token), { active: false })
await assert.rejects(client.refreshTokenGrant(own, last.refresh_token), { error: 'invalid_grant' })
