// What the test gives on standard input: the issuer, two clients, and the tokens of a session of the first.
import { readFileSync } from 'node:fs'
import { webcrypto } from 'node:crypto'

// Node 18 has it under another name only.
globalThis.crypto ??= webcrypto

export const given = JSON.parse(readFileSync(0, 'utf8'))
