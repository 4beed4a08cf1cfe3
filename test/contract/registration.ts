import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { test, type TestContext } from 'node:test'

/** A running registration endpoint, whatever implements it. */
export interface RegistrationDoor {
  /** `http://127.0.0.1:49152` or `https://…`, without a path. */
  readonly baseUrl: string
  /** PEM of the authority that the client trusts, when the URL is https. */
  readonly ca?: string
  readonly secret: string
  readonly issuer: string
  /** Of all devices that exist now, in any order. */
  manufacturerIds(): Promise<readonly string[]>
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

const ROUTE = '/api/register-device'
const JSON_BODY = { 'Content-Type': 'application/json' }
const FORM_BODY = { 'Content-Type': 'application/x-www-form-urlencoded' }

const MISSING = 'Missing manufacturerId field.'
const INVALID = 'Invalid registration token'
const TAKEN = 'Device already registered.'

/** One request over a connection of its own. Checks the headers that every reply carries. */
export async function ask(door: Pick<RegistrationDoor, 'baseUrl' | 'ca'>, asked: Asked = {}): Promise<Reply> {
  const { method = 'POST', path = ROUTE, headers = JSON_BODY, body } = asked
  const url = new URL(door.baseUrl)
  const secure = url.protocol === 'https:'
  const chunked = body === undefined || 'Transfer-Encoding' in headers
  const length = chunked ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }
  const options = { method, path, headers: { ...length, ...headers }, agent: false, ca: door.ca }
  const reply = await new Promise<Reply>((resolve, reject) => {
    const request = (secure ? httpsRequest : httpRequest)(url, options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      )
    })
    request.once('error', reject)
    request.end(body)
  })
  if (path.startsWith(ROUTE)) assertHeaders(reply.headers, secure)
  return reply
}

/** Source: docs/contract.md §1. */
export function assertHeaders(headers: IncomingHttpHeaders, secure: boolean): void {
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['x-content-type-options'], 'nosniff')
  if (secure) assert.match(headers['strict-transport-security'] ?? '', /^max-age=\d{8}/)
  else assert.equal(headers['strict-transport-security'], undefined)
}

type Json = Readonly<Record<string, unknown>>

export const jsonOf = (reply: Reply): Json => {
  const value: unknown = JSON.parse(reply.text)
  assert.ok(value !== null && typeof value === 'object')
  return { ...value }
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A JWT made with nothing but HMAC, as another library would make it. */
export function mint(secret: string, payload: object, header: object = { alg: 'HS256', typ: 'JWT' }): string {
  const signed = `${base64url(header)}.${base64url(payload)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

function mintRs256(payload: object): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signed = `${base64url({ alg: 'RS256', typ: 'JWT' })}.${base64url(payload)}`
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
}

function mintHs512(secret: string, payload: object): string {
  const signed = `${base64url({ alg: 'HS512', typ: 'JWT' })}.${base64url(payload)}`
  return `${signed}.${createHmac('sha512', secret).update(signed).digest('base64url')}`
}

const seconds = (): number => Math.floor(Date.now() / 1000)

interface BadRequest extends Asked {
  readonly name: string
  readonly status: number
  /** The whole text, or a part of one that is not frozen. */
  readonly error: string | RegExp
}

/** IDs that are refused as if they were not there. */
const idsThatAreNone: readonly (readonly [name: string, json: string])[] = [
  ['null', 'null'],
  ['an empty string', '""'],
  ['a blank string', '" \\t\\u00a0\\u3000"'],
  ['true', 'true'],
  ['false', 'false'],
  ['an object', '{"id":"A1"}'],
  ['an array', '["A1"]'],
  ['a fraction', '1.5'],
  ['an integer too large to be exact', '9007199254740993'],
  ['infinity', '1e999'],
  ['U+0000', '"A\\u0000B"'],
  ['a line feed', '"A\\nB"'],
  ['U+007F', '"A\\u007f"'],
  ['a C1 control character', '"A\\u0085"'],
  ['a lone high surrogate', '"A\\ud800"'],
  ['a lone low surrogate', '"\\udc00A"'],
  ['surrogates in the wrong order', '"\\udc00\\ud800"'],
  ['244 characters', JSON.stringify('x'.repeat(244))],
  ['244 characters beyond the basic plane', JSON.stringify('😀'.repeat(244))],
  ['10,000 characters', JSON.stringify('x'.repeat(10_000))],
]

/** Tokens that are refused, as JSON. */
function badTokens({ secret, issuer }: RegistrationDoor): readonly (readonly [name: string, token: unknown])[] {
  const now = seconds()
  const good = { iss: issuer, iat: now, url: 'http://127.0.0.1/api/register-device' }
  const valid = mint(secret, good)
  const [header = '', payload = '', signature = ''] = valid.split('.')
  return [
    ['no text at all', ''],
    ['null', null],
    ['a number', 42],
    ['true', true],
    ['an object', { token: valid }],
    ['an array that holds a valid token', [valid]],
    ['text that is no token', 'not-a-token'],
    ['two parts', `${header}.${payload}`],
    ['an empty signature', `${header}.${payload}.`],
    ['a changed signature', `${header}.${payload}.${signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))}`],
    ['a changed payload', `${header}.${base64url({ ...good, url: 'http://elsewhere' })}.${signature}`],
    ['the signature of another secret', mint(`${secret}!`, good)],
    ['alg none without a signature', `${base64url({ alg: 'none', typ: 'JWT' })}.${payload}.`],
    ['alg nOnE with a signature', mint(secret, good, { alg: 'nOnE', typ: 'JWT' })],
    ['RS256 signed with an RSA key', mintRs256(good)],
    ['RS256 in the header over an HMAC', mint(secret, good, { alg: 'RS256', typ: 'JWT' })],
    ['HS512 with the right secret', mintHs512(secret, good)],
    ['no algorithm', mint(secret, good, { typ: 'JWT' })],
    ['an unknown critical extension', mint(secret, good, { alg: 'HS256', crit: ['x'], x: 1 })],
    ['another issuer', mint(secret, { ...good, iss: `${issuer}.example` })],
    ['no issuer', mint(secret, { iat: now })],
    ['a list of issuers', mint(secret, { ...good, iss: [issuer] })],
    ['an expiry two minutes ago', mint(secret, { ...good, exp: now - 120 })],
    ['an expiry that is text', mint(secret, { ...good, exp: 'tomorrow' })],
    ['a start in two minutes', mint(secret, { ...good, nbf: now + 120 })],
    ['more than 4,096 bytes', mint(secret, { ...good, filling: 'x'.repeat(4096) })],
  ]
}

/** Requests that never become a question for the registry, and bodies in which fields are hidden or doubled. */
function badRequests(token: string): BadRequest[] {
  const t = JSON.stringify(token)
  const good = `{"token":${t},"manufacturerId":"bad-request"}`
  const spaces = ' '.repeat(16 * 1024)
  const malformed = (name: string, body: string | Buffer, headers = JSON_BODY): BadRequest => ({
    name,
    body,
    headers,
    status: 400,
    error: /^The body /,
  })
  const missing = (name: string, body: string, headers = JSON_BODY): BadRequest => ({
    name,
    body,
    headers,
    status: 403,
    error: MISSING,
  })
  const unsupported = (name: string, headers: Readonly<Record<string, string>>): BadRequest => ({
    name,
    body: good,
    headers,
    status: 415,
    error: /^(Content-Type|The charset|The body) /,
  })
  return [
    malformed('an empty body', ''),
    malformed('text', 'hello'),
    malformed('half an object', good.slice(0, -1)),
    malformed('two objects', `${good}${good}`),
    malformed('a form that is called JSON', `manufacturerId=bad-request&token=${token}`),
    malformed('bytes that are not UTF-8', Buffer.from(good.replace('bad', 'b\xffd'), 'latin1')),
    malformed('UTF-16', Buffer.from(good, 'utf16le')),
    malformed('an unescaped control character', good.replace('bad', 'b\nd')),
    malformed('16,000 open brackets', '['.repeat(16_000)),
    malformed('a manufacturer ID twice', `{"manufacturerId":"a","manufacturerId":"b","token":${t}}`),
    malformed(
      'a manufacturer ID twice, once escaped',
      `{"manufacturerId":"a","manufacturer\\u0049d":"b","token":${t}}`,
    ),
    malformed('a token twice', `{"manufacturerId":"a","token":"x","token":${t}}`),
    malformed('an extra field twice', `{"x":{"y":"}"},"manufacturerId":"a","x" : 1,"token":${t}}`),
    malformed('a field named __proto__', `{"manufacturerId":"a","__proto__":{"isAdmin":true},"token":${t}}`),
    malformed('a form with a field twice', `manufacturerId=a&token=${token}&manufacturer%49d=b`, FORM_BODY),
    malformed('a form with a field named __proto__', `manufacturerId=a&token=${token}&__proto__=b`, FORM_BODY),
    malformed('a form with half an escape', `manufacturerId=a%2&token=${token}`, FORM_BODY),
    malformed('a form whose escapes are not UTF-8', `manufacturerId=a%ff&token=${token}`, FORM_BODY),
    malformed('a form with an escaped surrogate', `manufacturerId=a%ed%a0%80&token=${token}`, FORM_BODY),
    missing('an object without fields', '{}'),
    missing('an object without the field', `{"token":${t}}`),
    missing('the field in other letters', `{"ManufacturerID":"a","token":${t}}`),
    missing('the field only in __proto__', `{"__proto__":{"manufacturerId":"a"},"token":${t}}`),
    missing('the field only in constructor', `{"constructor":{"prototype":{"manufacturerId":"a"}},"token":${t}}`),
    missing('the field only deeper', `{"body":{"manufacturerId":"a"},"token":${t}}`),
    missing('null instead of an object', 'null'),
    missing('a string instead of an object', '"manufacturerId"'),
    missing('a number instead of an object', '42'),
    missing('an array instead of an object', `[{"manufacturerId":"a","token":${t}}]`),
    missing('an empty form', '', FORM_BODY),
    missing('a form without the field', `token=${token}`, FORM_BODY),
    missing('a form with an empty field', `manufacturerId=&token=${token}`, FORM_BODY),
    missing('a form with a blank field', `manufacturerId=+%20&token=${token}`, FORM_BODY),
    missing('a form with U+0000', `manufacturerId=a%00&token=${token}`, FORM_BODY),
    unsupported('no media type', {}),
    unsupported('plain text', { 'Content-Type': 'text/plain;charset=UTF-8' }),
    unsupported('a multipart form', { 'Content-Type': 'multipart/form-data; boundary=x' }),
    unsupported('a relative of JSON', { 'Content-Type': 'application/vnd.api+json' }),
    unsupported('another charset', { 'Content-Type': 'application/json; charset=iso-8859-1' }),
    unsupported('a compressed body', { ...JSON_BODY, 'Content-Encoding': 'gzip' }),
    {
      name: '16 KiB and one byte',
      body: `${good}${spaces}`.slice(0, 16 * 1024 + 1),
      status: 413,
      error: /larger than 16384 bytes/,
    },
    {
      name: '16 KiB and more in chunks',
      body: `${good}${spaces}`,
      headers: { ...JSON_BODY, 'Transfer-Encoding': 'chunked' },
      status: 413,
      error: /larger than 16384 bytes/,
    },
  ]
}

/** IDs that are stored as they are, as JSON and as text. */
const goodIds: readonly (readonly [name: string, json: string, stored: string])[] = [
  ['a MAC address', '"AA:BB:CC:00:11:22"', 'AA:BB:CC:00:11:22'],
  ['the same in other letters', '"aa:bb:cc:00:11:22"', 'aa:bb:cc:00:11:22'],
  ['one character', '"x"', 'x'],
  ['243 characters', JSON.stringify('y'.repeat(243)), 'y'.repeat(243)],
  ['243 characters beyond the basic plane', JSON.stringify('😀'.repeat(243)), '😀'.repeat(243)],
  ['an escaped surrogate pair', '"\\ud83d\\ude80"', '🚀'],
  ['white space around it', '" A "', ' A '],
  ['markup', '"<b>&amp;\\"\'</b>"', '<b>&amp;"\'</b>'],
  ['wildcards of MQTT', '"a/+/#"', 'a/+/#'],
  ['a composed letter', '"\\u00e9"', 'é'],
  ['the same letter, decomposed', '"e\\u0301"', 'e\u0301'],
  ['zero', '0', '0'],
  ['a negative integer', '-7', '-7'],
  ['the largest exact integer', '9007199254740991', '9007199254740991'],
  ['a name of every object', '"__proto__"', '__proto__'],
  ['another', '"constructor"', 'constructor'],
]

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
    assert.deepEqual(Object.keys(others), ['code'])
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
