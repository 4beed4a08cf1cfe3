import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseForm, parseJson } from '../../registration/body.ts'
import { RequestError } from '../../registration/errors.ts'

/** Names with everything that could mislead a scanner of JSON. */
const name = fc
  .array(fc.constantFrom('"', '\\', '{', '}', '[', ']', ':', ',', ' ', 'u0041', 'é', '\u2028', '\n'), { maxLength: 6 })
  .map((parts) => parts.join(''))
const value = fc.jsonValue({ depthSize: 'small' })
const entries = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 6 })

/** The fields of a form; `__proto__` may be one of them. */
const form = fc.uniqueArray(
  fc.tuple(
    fc.oneof({ weight: 9, arbitrary: fc.string({ unit: 'grapheme' }) }, fc.constant('__proto__')),
    fc.string({ unit: 'grapheme' }),
  ),
  { selector: ([key]) => key },
)

const objectText = (pairs: readonly (readonly [string, unknown])[], space = ''): string =>
  `{${pairs.map(([key, one]) => `${space}${JSON.stringify(key)}${space}:${JSON.stringify(one, null, space)}`).join(',')}}`

test('an object whose names differ is not ambiguous, whatever the names and values', () => {
  fc.assert(
    fc.property(entries, fc.constantFrom('', ' ', '\n\t'), (pairs, space) => {
      const { fields, ambiguity } = parseJson(objectText(pairs, space))
      assert.equal(ambiguity, undefined)
      assert.deepEqual(
        fields,
        new Map(pairs.map(([key, one]): [string, unknown] => [key, JSON.parse(JSON.stringify(one))])),
      )
    }),
  )
})

test('an object with a name twice is ambiguous, wherever the two stand', () => {
  fc.assert(
    fc.property(entries, name, value, value, fc.nat(), fc.nat(), (pairs, twice, one, two, i, j) => {
      const all = pairs.filter(([key]) => key !== twice)
      all.splice(i % (all.length + 1), 0, [twice, one])
      all.splice(j % (all.length + 1), 0, [twice, two])
      assert.match(parseJson(objectText(all)).ambiguity ?? '', /more than once/)
    }),
  )
})

test('names that repeat only deeper down are extra fields like any other', () => {
  for (const text of ['{"a":{"b":1,"b":2},"b":3}', '{"a":[{"b":1},{"b":2}],"b":3}', '[{"a":1,"a":2}]', '"a:a"']) {
    assert.equal(parseJson(text).ambiguity, undefined, text)
  }
})

test('a form gives back what URLSearchParams wrote', () => {
  fc.assert(
    fc.property(form, (given) => {
      const { fields, ambiguity } = parseForm(new URLSearchParams(given).toString())
      assert.deepEqual(fields, new Map(given))
      const proto = given.some(([key]) => key === '__proto__')
      assert.equal(ambiguity, proto ? 'The body has a field named __proto__.' : undefined)
    }),
  )
})

test('a form with a name twice is ambiguous, wherever the two stand', () => {
  fc.assert(
    fc.property(form, fc.string({ unit: 'grapheme' }), fc.nat(), fc.nat(), (pairs, twice, i, j) => {
      const all = pairs.filter(([key]) => key !== twice)
      all.splice(i % (all.length + 1), 0, [twice, 'one'])
      all.splice(j % (all.length + 1), 0, [twice, 'two'])
      assert.match(parseForm(new URLSearchParams(all).toString()).ambiguity ?? '', /more than once/)
    }),
  )
})

/** Fields or a refusal; anything else would be a fault. */
function parses(parse: (text: string) => unknown, text: string): void {
  try {
    parse(text)
  } catch (error) {
    assert.ok(error instanceof RequestError)
    assert.equal(error.code, 'ERR_BODY_MALFORMED')
  }
}

test('whatever the text, parsing gives fields or a refusal', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
      parses(parseJson, text)
      parses(parseForm, text)
    }),
  )
})

test('16 KiB of strings, spaces or backslashes are scanned in no time', () => {
  const size = 16 * 1024
  for (const text of [
    `{"a":"${'\\\\'.repeat(size / 2)}"}`,
    `{"a"${' '.repeat(size)}:1}`,
    `[${'"",'.repeat(size / 3)}""]`,
    `[${`""${' '.repeat(99)},`.repeat(size / 102)}""]`,
    '['.repeat(size / 2) + ']'.repeat(size / 2),
  ]) {
    const start = process.cpuUsage()
    parseJson(text)
    const { user } = process.cpuUsage(start)
    assert.ok(user < 200_000, `${user} µs`)
  }
})
