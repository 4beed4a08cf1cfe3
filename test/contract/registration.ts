import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import {
  badRequests,
  badTokens,
  goodIds,
  idsThatAreNone,
  INVALID,
  mint,
  MISSING,
  seconds,
  TAKEN,
  type BadRequest,
} from './registration-cases.ts'
import { ask, assertHeaders, FORM_BODY, JSON_BODY, jsonOf, ROUTE, type RegistrationDoor } from './registration-door.ts'

const validToken = (door: RegistrationDoor): string => mint(door.secret, { iss: door.issuer, iat: seconds() })

const register = (door: RegistrationDoor, manufacturerId: unknown, token: unknown = validToken(door)) =>
  ask(door, { body: JSON.stringify({ token, manufacturerId }) })

/** The answer of the contract, nothing stored, the next request served. */
async function refuses(t: TestContext, door: RegistrationDoor, bad: BadRequest): Promise<void> {
  await t.test(`refuses ${bad.name} with ${bad.status}`, async () => {
    const before = await door.manufacturerIds()
    const reply = await ask(door, bad)
    const { error, ...others } = jsonOf(reply)
    assert.equal(reply.status, bad.status, reply.text)
    if (typeof bad.error === 'string') assert.equal(error, bad.error)
    else assert.match(String(error), bad.error)
    assert.deepEqual(Object.keys(others), ['code', 'retryable', 'serverTime'])
    assert.equal(others['retryable'], false)
    const serverTime = Date.parse(String(others['serverTime']))
    // Node renews the header once a second, and later on a busy machine.
    assert.ok(Math.abs(serverTime - Date.parse(String(reply.headers.date))) <= 5_000)
    assert.equal(reply.headers['access-control-allow-origin'], '*')
    assert.deepEqual(await door.manufacturerIds(), before)

    assert.equal((await register(door, `after ${bad.name}`)).status, 200)
  })
}

/**
 * POST /api/register-device is whatever passes this. Run it over http, https and every later implementation.
 *
 * @param start - a door without devices; closes itself with the test.
 */
export function registrationContract(name: string, start: (t: TestContext) => Promise<RegistrationDoor>): void {
  test(`${name}: a manufacturer ID that is none is refused before the token is looked at`, async (t) => {
    const door = await start(t)
    for (const [what, json] of idsThatAreNone) {
      for (const token of [validToken(door), 'no token']) {
        const body = `{"token":${JSON.stringify(token)},"manufacturerId":${json}}`
        const beside = token === 'no token' ? ' beside an invalid token' : ''
        await refuses(t, door, { name: `${what} as manufacturer ID${beside}`, body, status: 403, error: MISSING })
      }
    }
  })

  test(`${name}: a token that does not hold is refused before the registry is asked`, async (t) => {
    const door = await start(t)
    assert.equal((await register(door, 'taken')).status, 200)
    const refused = { status: 403, error: INVALID }
    await refuses(t, door, { name: 'no token', body: '{"manufacturerId":"taken"}', ...refused })
    await refuses(t, door, { name: 'a form without a token', body: 'manufacturerId=x', headers: FORM_BODY, ...refused })
    for (const [what, token] of badTokens(door)) {
      const body = JSON.stringify({ manufacturerId: 'taken', token })
      await refuses(t, door, { name: `${what} as token`, body, ...refused })
    }
  })

  test(`${name}: a registered manufacturer ID is refused, also in the other encodings of a body`, async (t) => {
    const door = await start(t)
    const token = validToken(door)
    assert.equal((await register(door, 42)).status, 200)
    const taken = { status: 403, error: TAKEN }
    await refuses(t, door, { name: 'the same number', body: JSON.stringify({ token, manufacturerId: 42 }), ...taken })
    await refuses(t, door, { name: 'its text', body: JSON.stringify({ token, manufacturerId: '42' }), ...taken })
    await refuses(t, door, { name: 'a form', body: `token=${token}&manufacturerId=42`, headers: FORM_BODY, ...taken })
  })

  test(`${name}: a request that is not one, or a body that is not one object, is refused`, async (t) => {
    const door = await start(t)
    for (const bad of badRequests(validToken(door))) await refuses(t, door, bad)
  })

  test(`${name}: other methods are refused with the ones that are allowed`, async (t) => {
    const door = await start(t)
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND']) {
      const reply = await ask(door, { method })
      assert.equal(reply.status, 405, method)
      assert.equal(reply.headers.allow, 'POST, OPTIONS')
      assert.equal(reply.headers['access-control-allow-origin'], '*')
      assert.equal(reply.headers.location, undefined)
    }
    assert.equal((await register(door, 'A1')).status, 200)
  })

  test(`${name}: a page of another origin may ask, and its browser is told so`, async (t) => {
    const door = await start(t)
    const headers = {
      Origin: 'https://page.example',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'content-type',
    }
    const reply = await ask(door, { method: 'OPTIONS', headers })
    assert.equal(reply.status, 204)
    assert.equal(reply.text, '')
    assert.equal(reply.headers['access-control-allow-origin'], '*')
    assert.match(reply.headers['access-control-allow-methods'] ?? '', /\bPOST\b/)
    assert.match(reply.headers['access-control-allow-headers'] ?? '', /\bcontent-type\b/i)
    assert.match(reply.headers['access-control-max-age'] ?? '', /^\d+$/)
    const answer = await ask(door, {
      headers: { ...JSON_BODY, Origin: 'https://page.example' },
      body: JSON.stringify({ token: validToken(door), manufacturerId: 'A1' }),
    })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['access-control-allow-origin'], '*')
  })

  test(`${name}: another path is 404, and none is redirected`, async (t) => {
    const door = await start(t)
    for (const path of ['/', '/api', '/api/register-device/x', '/API/register-device', '/api//register-device', '/%']) {
      for (const method of ['GET', 'POST']) {
        const reply = await ask(door, { method, path })
        assert.equal(reply.status, 404, `${method} ${path}`)
        assertHeaders(reply.headers, door.baseUrl.startsWith('https:'))
      }
    }
    const body = (manufacturerId: string): string => JSON.stringify({ token: validToken(door), manufacturerId })
    assert.equal((await ask(door, { path: `${ROUTE}/`, body: body('slash') })).status, 200)
    assert.equal((await ask(door, { path: `${ROUTE}?a=b`, body: body('query') })).status, 200)
    assert.equal((await ask(door, { path: `${door.baseUrl}${ROUTE}`, body: body('absolute') })).status, 200)
  })

  test(`${name}: a device that registers gets its credentials and nothing else`, async (t) => {
    const door = await start(t)
    const reply = await register(door, 'A1')
    const { deviceId, accessKey, accessSecret, ...others } = jsonOf(reply)
    assert.equal(reply.status, 200)
    assert.match(String(deviceId), /^[0-9a-f]{24}$/)
    assert.match(String(accessKey), /^[\x21-\x7e]{1,36}$/)
    assert.match(String(accessSecret), /^[\x21-\x7e]{43,64}$/)
    assert.deepEqual(others, {})
    assert.deepEqual(await door.manufacturerIds(), ['A1'])
  })

  test(`${name}: every other manufacturer ID is stored as it was sent, and compared exactly`, async (t) => {
    const door = await start(t)
    const token = validToken(door)
    for (const [what, json] of goodIds) {
      const reply = await ask(door, { body: `{"token":"${token}","manufacturerId":${json}}` })
      assert.equal(reply.status, 200, `${what}: ${reply.text}`)
    }
    assert.deepEqual((await door.manufacturerIds()).toSorted(), goodIds.map(([, , stored]) => stored).toSorted())
    for (const [what, json] of goodIds) {
      const reply = await ask(door, { body: `{"token":"${token}","manufacturerId":${json}}` })
      assert.equal(jsonOf(reply)['error'], TAKEN, what)
    }
  })

  test(`${name}: a body may be JSON or a form, in chunks, with extra fields`, async (t) => {
    const door = await start(t)
    const token = validToken(door)
    const json = (manufacturerId: string): string =>
      JSON.stringify({ model: ['x', { token: 'inner' }], token, manufacturerId, constructor: 'x', note: '"token":"y"' })
    const good: readonly [Readonly<Record<string, string>>, string][] = [
      [{ 'Content-Type': 'application/json; charset=utf-8' }, json('a')],
      [{ 'Content-Type': 'Application/JSON;charset="UTF-8"' }, json('b')],
      [{ ...JSON_BODY, 'Content-Encoding': 'identity' }, json('c')],
      [{ ...JSON_BODY, 'Transfer-Encoding': 'chunked' }, json('d')],
      [JSON_BODY, `\ufeff${json('e')}`],
      [JSON_BODY, `${json('f')}${' '.repeat(16 * 1024)}`.slice(0, 16 * 1024)],
      [FORM_BODY, `model=1&token=${token}&manufacturerId=g+%C3%A9%2B`],
      [{ 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' }, `&&token=${token}&manufacturerId=h&x`],
    ]
    for (const [headers, body] of good) assert.equal((await ask(door, { headers, body })).status, 200, body)
    assert.ok((await door.manufacturerIds()).includes('g é+'))
  })

  test(`${name}: tokens of other libraries hold, with a minute of leeway`, async (t) => {
    const door = await start(t)
    const { secret, issuer } = door
    const tokens = [
      mint(secret, { iss: issuer }),
      mint(secret, { iss: issuer, url: 'x', extra: { a: 1 } }, { alg: 'HS256' }),
      mint(secret, { iss: issuer, exp: seconds() + 60, nbf: seconds() - 60 }),
      mint(secret, { iss: issuer, exp: seconds() - 30 }),
      mint(secret, { iss: issuer, nbf: seconds() + 30 }),
    ]
    for (const [index, token] of tokens.entries()) assert.equal((await register(door, index, token)).status, 200)
  })

  test(`${name}: of 200 simultaneous requests for one manufacturer ID exactly one gets credentials`, async (t) => {
    const door = await start(t)
    const token = validToken(door)
    const replies = await Promise.all(Array.from({ length: 200 }, () => register(door, 'contested', token)))
    const texts = replies.filter(({ status }) => status === 403).map((reply) => jsonOf(reply)['error'])
    const [winner, ...others] = replies.filter(({ status }) => status === 200)
    assert.ok(winner)
    assert.deepEqual(others, [])
    assert.deepEqual(
      texts,
      Array.from({ length: 199 }, () => TAKEN),
    )
    for (const field of ['deviceId', 'accessKey', 'accessSecret']) assert.ok(jsonOf(winner)[field])
    assert.deepEqual(await door.manufacturerIds(), ['contested'])
  })
}
