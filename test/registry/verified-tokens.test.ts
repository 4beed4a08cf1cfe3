import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VerifiedTokens } from '../../registry/verified-tokens.ts'

const LEEWAY_SECONDS = 60

test('a remembered token holds within its time and the leeway, and not a second longer', () => {
  const cases: [payload: { nbf?: number; exp?: number }, seconds: number, holds: boolean][] = [
    [{ exp: 1000 }, 1060, false],
    [{ exp: 1000 }, 1059, true],
    [{ nbf: 1000 }, 939, false],
    [{ nbf: 1000 }, 940, true],
    [{}, 0, true],
    [{}, Number.MAX_SAFE_INTEGER, true],
  ]
  for (const [payload, seconds, holds] of cases) {
    const tokens = new VerifiedTokens(1, LEEWAY_SECONDS)
    tokens.add('token', payload)
    assert.equal(tokens.find('token', seconds), holds ? payload : undefined, JSON.stringify({ payload, seconds }))
    assert.equal(tokens.find('Token', seconds), undefined)
  }
})

test('no more tokens are remembered than the capacity, and the oldest is given up', () => {
  const tokens = new VerifiedTokens(2, LEEWAY_SECONDS)
  for (const token of ['one', 'two', 'two', 'three']) tokens.add(token, {})
  assert.deepEqual(
    ['one', 'two', 'three'].map((token) => tokens.find(token, 0) !== undefined),
    [false, true, true],
  )
})
