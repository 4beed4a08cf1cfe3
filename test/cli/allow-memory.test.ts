import assert from 'node:assert/strict'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { aFolder } from '../support/folder.ts'
import { openRealStore, run } from './harness.ts'

const GIGABYTE = 2 ** 30

/** Most of this process ever, in bytes. Source: getrusage(2), `ru_maxrss`. */
const peak = (): number => process.resourceUsage().maxRSS * 1024

for (const [what, begins, says] of [
  ['line', 'manufacturerId\nA1\n', /list\.csv:\d+: a row is longer than 16384 bytes/],
  ['quoted field', 'manufacturerId\nA1\n"', /list\.csv:\d+: a row is longer than 16384 bytes/],
  ['first line', 'manufacturerId,', /list\.csv:\d+: a row is longer than 16384 bytes/],
] as const) {
  test(`a ${what} of a gigabyte is refused by its line, and takes no memory`, async (t) => {
    const cwd = await aFolder(t)
    const file = join(cwd, 'list.csv')
    await writeFile(file, begins)
    // A hole: the disk holds nothing of it, and reading it gives a gigabyte.
    await truncate(file, GIGABYTE)
    const before = peak()
    const { code, stderr } = await run(['allow', 'import', file, '--data', 'data'], { cwd, openLocal: openRealStore })
    assert.equal(code, 1)
    assert.match(stderr, says)
    const grown = peak() - before
    assert.ok(grown < 100e6, `${grown} bytes`)
  })
}
