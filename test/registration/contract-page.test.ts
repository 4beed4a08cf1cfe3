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
  const { ERR_BUSY, ERR_STORE_UNAVAILABLE, ERR_TOKEN_REVOKED, ERR_TOKEN_EXHAUSTED } = httpStatusFor
  const { ERR_TOKEN_NOT_FOR_DEVICE, ERR_RATE_LIMITED, ERR_ADMISSION_UNDECIDED } = httpStatusFor
  const { ERR_NOT_IN_ALLOW_LIST, ERR_APPROVAL_PENDING, ERR_REGISTRATION_REFUSED } = httpStatusFor
  const undecided = { ERR_NOT_IN_ALLOW_LIST, ERR_APPROVAL_PENDING, ERR_REGISTRATION_REFUSED, ERR_ADMISSION_UNDECIDED }
  const registry = { ERR_BUSY, ERR_STORE_UNAVAILABLE, ERR_TOKEN_REVOKED, ERR_TOKEN_EXHAUSTED }
  const refusals = { ...requestStatusFor, ...registry, ...undecided, ERR_TOKEN_NOT_FOR_DEVICE, ERR_RATE_LIMITED }
  for (const [code, status] of Object.entries(refusals)) {
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
    const { retryable: _retryable, serverTime: _serverTime, ...frozen } = jsonOf(reply)
    return `| ${reply.status} | \`${JSON.stringify(frozen).replaceAll('":', '": ').replaceAll(',"', ', "')}\` |`
  }
  await register('A1', validToken())
  const given = [await register('', 'x'), await register('A1', 'x'), await register('A1', validToken())]
  const written = rows.flatMap((row) => /\| 403 \| `\{[^`]+` \|/.exec(row) ?? [])
  assert.deepEqual(written, given)
})
