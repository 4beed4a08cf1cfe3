import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printable } from '../../registry/index.ts'

test('text for the log is one line, short, and shows what it hides', () => {
  assert.equal(
    printable('a\nb\u0000\u001b[31m\u202e\u2028\ud800'),
    'a\\u{a}b\\u{0}\\u{1b}[31m\\u{202e}\\u{2028}\\u{d800}',
  )
  assert.equal(printable('Größe 😀'), 'Größe 😀')
  assert.ok(printable('x'.repeat(10_000)).length < 310)
})
