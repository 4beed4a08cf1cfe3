import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { aFolder } from '../support/folder.ts'
import { ISSUER, SIGNING_SECRET } from '../support/registry.ts'
import { openRealStore, run, type Outcome } from './harness.ts'

const env = { MOORING_REGISTRATION_SECRET: SIGNING_SECRET, MOORING_REGISTRATION_ISSUER: ISSUER }
const now = Math.floor(Date.now() / 1000)
const claims = { iss: ISSUER, url: 'https://broker.example/api/register-device', mqtt: 'mqtts://broker.example' }

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** RFC 7515 §3.1 by hand, with the algorithm that the header names or another. */
function byHand(
  payload: object,
  header: object = { alg: 'HS256', typ: 'JWT' },
  hash = 'sha256',
  secret = SIGNING_SECRET,
) {
  const signed = `${part(header)}.${part(payload)}`
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`
}

const byJose = (payload: Record<string, unknown>, secret = SIGNING_SECRET): Promise<string> =>
  new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret))

function byRsa(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signed = `${part({ alg: 'RS256' })}.${part(claims)}`
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
}

const refused: readonly { name: string; token: string | Promise<string>; says: RegExp }[] = [
  {
    name: 'is signed with another secret',
    token: byJose(claims, 'x'.repeat(32)),
    says: /^refused: it was signed with another secret$/,
  },
  {
    name: 'was changed',
    token: byHand(claims).replace(/\.[^.]+\./, `.${part({ ...claims, line: 1 })}.`),
    says: /signed with another secret/,
  },
  { name: 'has RS256 and an RSA signature', token: byRsa(), says: /^refused: its algorithm is not HS256$/ },
  { name: 'has RS256 over an HMAC', token: byHand(claims, { alg: 'RS256' }), says: /its algorithm is not HS256/ },
  { name: 'has HS512', token: byHand(claims, { alg: 'HS512' }, 'sha512'), says: /its algorithm is not HS256/ },
  { name: 'has none', token: `${part({ alg: 'none' })}.${part(claims)}.`, says: /its algorithm is not HS256/ },
  {
    name: 'has a crit that nobody knows',
    token: byHand(claims, { alg: 'HS256', crit: ['x'], x: 1 }),
    says: /^refused: .*"x"/,
  },
  {
    name: 'has another issuer',
    token: byHand({ ...claims, iss: 'evil\u001b[2J' }),
    says: /^refused: its issuer is "evil\\\\?u001b\[2J", not "registration\.example"$/,
  },
  {
    name: 'has no issuer',
    token: byHand({ ...claims, iss: undefined }),
    says: /its issuer is null|missing required "iss"/,
  },
  {
    name: 'expired',
    token: byHand({ ...claims, exp: now - 120 }),
    says: /^refused: it expired at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/,
  },
  {
    name: 'is not valid yet',
    token: byJose({ ...claims, nbf: now + 120 }),
    says: /^refused: it is not valid before \d{4}-\d\d-\d\dT/,
  },
  { name: 'has text for its expiry', token: byHand({ ...claims, exp: 'tomorrow' }), says: /^refused: .*"exp"/ },
  {
    name: 'is longer than 4,096 bytes',
    token: byHand({ ...claims, x: 'x'.repeat(4096) }),
    says: /longer than 4096 bytes/,
  },
  { name: 'is no JWT', token: 'what is this', says: /^refused: ./ },
  { name: 'is nothing', token: '', says: /^refused: ./ },
]

const verify = async (cwd: string, token: string, ...more: string[]): Promise<Outcome> =>
  await run(['token', 'verify', '-', ...more], { cwd, env, openLocal: openRealStore, stdin: `${token}\n` })

for (const { name, token, says } of refused) {
  test(`token verify says why a token that ${name} is refused`, async (t) => {
    const cwd = await aFolder(t)
    const { code, stdout, stderr } = await verify(cwd, await token)
    assert.deepEqual([code, stderr], [4, ''])
    assert.match(stdout.trimEnd(), says)
    const json = await verify(cwd, await token, '--json')
    assert.equal(json.code, 4)
    const { accepted, reason } = JSON.parse(json.stdout) as { accepted: boolean; reason: string }
    assert.deepEqual([accepted, reason === ''], [false, false])
  })
}

const accepted: readonly { name: string; token: string | Promise<string>; says: RegExp }[] = [
  {
    name: 'made by hand',
    token: byHand(claims),
    says: /^accepted\n[^]*"mqtt": "mqtts:\/\/broker\.example"[^]*\nexpires +never\n$/,
  },
  { name: 'made by jose', token: byJose(claims), says: /^accepted\n[^]*"url": "https:/ },
  { name: 'without typ', token: byHand(claims, { alg: 'HS256' }), says: /^accepted\n/ },
  { name: 'that expired less than a minute ago', token: byHand({ ...claims, exp: now - 20 }), says: /^accepted\n/ },
  {
    name: 'that begins in less than a minute',
    token: byHand({ ...claims, nbf: now + 50 }),
    says: /\nnot before +\d{4}-/,
  },
  { name: 'with claims of its own', token: byJose({ ...claims, batch: { line: 3 } }), says: /"line": 3/ },
]
for (const { name, token, says } of accepted) {
  test(`token verify decodes a token ${name}`, async (t) => {
    const { code, stdout, stderr } = await verify(await aFolder(t), await token)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, says)
  })
}
