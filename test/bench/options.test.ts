import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flagsOf, LoadResult } from '../../bench/load-generators.ts'
import { readOptions } from '../../bench/options.ts'

const names = ['messages', 'logins', 'start']
const refusals: { name: string; args: string[]; says: RegExp }[] = [
  {
    name: 'a suite that does not exist',
    args: ['mesages'],
    says: /no suite mesages; there are messages, logins, start/,
  },
  { name: 'no repeats', args: ['--repeats', '0'], says: /--repeats/ },
  { name: 'half a repeat', args: ['--repeats', '1.5'], says: /--repeats/ },
  { name: 'figures of an earlier run without a place for them', args: ['--from', 'f.json'], says: /--write-docs/ },
  { name: 'an option that does not exist', args: ['--fast'], says: /--fast/ },
]
for (const { name, args, says } of refusals) {
  test(`the bench refuses ${name}`, () => assert.throws(() => readOptions(args, names), says))
}

test('suites are named as arguments or with --only, once or in a list', () => {
  assert.deepEqual(readOptions(['start', '--only', 'messages,start'], names).only, ['start', 'messages'])
  assert.deepEqual(readOptions([], names).only, [])
  assert.equal(readOptions([], names).repeats, 5)
})

test('connect is another name of logins', () => {
  assert.deepEqual(readOptions(['connect', 'logins'], names).only, ['logins'])
})

test('a figure that a load generator does not tell is a fault, not a NaN', () => {
  const result = new LoadResult('{"per_s":5,"lat_us":{"p99":7}}')
  assert.equal(result.number('lat_us.p99'), 7)
  assert.throws(() => result.number('lat_us.p50'), /told no lat_us.p50/)
  assert.throws(() => result.number('p.q'), /told no p.q/)
})

test('arguments of a load generator are flags with or without a value', () => {
  assert.deepEqual(flagsOf({ port: 1, ws: true, 'sub-creds': 'f' }), ['--port', '1', '--ws', '--sub-creds', 'f'])
})
