import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesText, countdownText, durationText, several, shellWord } from '../../../admin/ui/words.ts'

test('a text for a shell is one word, whatever is in it', () => {
  for (const [text, word] of [
    ['A1-0001', `'A1-0001'`],
    ['$(reboot) `x` "y"', `'$(reboot) \`x\` "y"'`],
    [`it's`, String.raw`'it'\''s'`],
  ] as const) {
    assert.equal(shellWord(text), word)
  }
})

test('sizes, durations and numbers are said so that people read them at a glance', () => {
  for (const [said, expected] of [
    [bytesText(0), '0 B'],
    [bytesText(1023), '1023 B'],
    [bytesText(1536), '1.5 KiB'],
    [bytesText(212e9), '197 GiB'],
    [durationText(59.9), '59 s'],
    [durationText(60), '1 min'],
    [durationText(12_000), '3 h 20 min'],
    [durationText(7200), '2 h'],
    [durationText(11 * 86_400), '11 days'],
    [durationText(-5), '0 s'],
    [countdownText(249), '4:09'],
    [several(1, 'device'), '1 device'],
    [several(200_000, 'device'), '200,000 devices'],
    [several(2, 'entry', 'entries'), '2 entries'],
  ] as const) {
    assert.equal(said, expected)
  }
})
