import { createHmac } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newPath, type Bench } from '../../bench.ts'
import { runMooring, startMooring } from '../../brokers/mooring.ts'
import { runRegload } from '../../load-generators.ts'
import type { Goal } from '../../report.ts'
import type { Tally } from '../../tally.ts'

const RATE = { what: 'registrations, 64 connections', unit: '/s', better: 'higher' } as const
const RECORD = 'Mooring, a token with every limit'
const LEGACY = 'Mooring, a token without a record'

/** The same server: a token whose every limit is looked at, beside one that was signed elsewhere. */
export async function measureTokens({ folder, cores, repeats, say }: Bench, tally: Tally): Promise<void> {
  const data = newPath(folder, 'token-data')
  const files = { [RECORD]: newPath(folder, 'record.jwt'), [LEGACY]: newPath(folder, 'legacy.jwt') }
  writeFileSync(files[RECORD], await tokenWithEveryLimit(data), { mode: 0o600 })
  writeFileSync(files[LEGACY], signedElsewhere(data), { mode: 0o600 })
  const server = await startMooring({ data, folder, cores: [cores.broker, cores.load] })
  try {
    for (let repeat = 1; repeat <= repeats; repeat++) {
      say(`registrations with and without a token record, repeat ${repeat}`)
      for (const [contestant, file] of Object.entries(files)) {
        const prefix = `A${repeat}-${contestant === RECORD ? 'record' : 'legacy'}-`
        const load = await runRegload({
          port: server.httpPort,
          pid: server.pid,
          'token-file': file,
          prefix,
          conns: 64,
          warm: 2,
          time: 3,
        })
        tally.add(RATE, contestant, load.number('per_s'))
        if (load.number('answers') > load.number('ok'))
          tally.note(`${contestant}: answers in repeat ${repeat} were refusals.`)
      }
    }
  } finally {
    await server.stop()
  }
}

export const tokenGoals: readonly Goal[] = [{ row: RATE.what, of: RECORD, against: LEGACY, atLeast: 0.9 }]

async function tokenWithEveryLimit(data: string): Promise<string> {
  const limits = [
    '--max-registrations',
    '10000000',
    '--per-hour',
    '10000000',
    '--match',
    'A*',
    '--network',
    '127.0.0.0/8',
  ]
  const more = ['--tag', 'line=3', '--expires', '90d', '--coming-back', 'until-first-use']
  const answer: unknown = JSON.parse(
    await runMooring(['token', 'create', '--data', data, '--json', ...limits, ...more]),
  )
  return String(Object(answer)['token'])
}

/** HS256, as any library does it with the shared secret. Source: docs/contract.md §2. */
function signedElsewhere(data: string): string {
  const fileOf = (name: string): string => readFileSync(join(data, name), 'utf8').trim()
  const claims = { url: 'http://127.0.0.1/api/register-device', iss: fileOf('registration-issuer') }
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ ...claims, iat: Math.floor(Date.now() / 1000) })}`
  return `${signed}.${createHmac('sha256', fileOf('registration-secret')).update(signed).digest('base64url')}`
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
