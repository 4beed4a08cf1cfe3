import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { FORM_BODY, JSON_BODY, type Asked, type RegistrationDoor } from './registration-door.ts'

export const MISSING = 'Missing manufacturerId field.'
export const INVALID = 'Invalid registration token'
export const TAKEN = 'Device already registered.'

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

export const seconds = (): number => Math.floor(Date.now() / 1000)
export interface BadRequest extends Asked {
  readonly name: string
  readonly status: number
  /** The whole text, or a part of one that is not frozen. */
  readonly error: string | RegExp
}

/** IDs that are refused as if they were not there. */
export const idsThatAreNone: readonly (readonly [name: string, json: string])[] = [
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
export function badTokens({ secret, issuer }: RegistrationDoor): readonly (readonly [name: string, token: unknown])[] {
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

/** Requests that never become a question for the registry, and bodies in which fields are hidden or doubled. */
export function badRequests(token: string): BadRequest[] {
  const t = JSON.stringify(token)
  const good = `{"token":${t},"manufacturerId":"bad-request"}`
  const spaces = ' '.repeat(16 * 1024)
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
export const goodIds: readonly (readonly [name: string, json: string, stored: string])[] = [
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
