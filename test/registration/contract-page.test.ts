import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { httpStatusFor, requestStatusFor } from '../../registration/errors.ts'
import { ask, jsonOf } from '../contract/registration-door.ts'
import { projectFolder } from '../support/folder.ts'
import { aDoor, validToken } from './support.ts'

const page = readFileSync(join(projectFolder, 'docs/contract.md'), 'utf8')
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((row) => row.replaceAll(/ +/g, ' '))

test('docs/contract.md names every refusal of a request with its status', () => {
  const { ERR_BUSY, ERR_STORE_UNAVAILABLE } = httpStatusFor
  for (const [code, status] of Object.entries({ ...requestStatusFor, ERR_BUSY, ERR_STORE_UNAVAILABLE })) {
    assert.ok(
      rows.some((row) => row.startsWith(`| ${status} | \`${code}\` |`)),
      `no row for ${status} ${code}`,
    )
  }
})

test('docs/contract.md holds the frozen answers, in the order in which they are given', async (t) => {
  const door = await aDoor(t)
  const register = async (manufacturerId: string, token: string): Promise<string> => {
    const reply = await ask(door, { body: JSON.stringify({ manufacturerId, token }) })
    return `| ${reply.status} | \`${JSON.stringify(jsonOf(reply)).replaceAll('":', '": ').replaceAll(',"', ', "')}\` |`
  }
  await register('A1', validToken())
  const given = [await register('', 'x'), await register('A1', 'x'), await register('A1', validToken())]
  const written = rows.flatMap((row) => /\| 403 \| `[^`]+` \|/.exec(row) ?? [])
  assert.deepEqual(written, given)
})
