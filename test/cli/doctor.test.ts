import assert from 'node:assert/strict'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { generate } from 'selfsigned'
import { fakeOperator } from '../admin/fake-operator.ts'
import { aCertificate } from '../support/certificate.ts'
import { aFolder } from '../support/folder.ts'
import { aListeningFolder, run } from './harness.ts'

interface Finding {
  readonly check: string
  readonly state: string
  readonly text: string
}

async function examine(t: TestContext, args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await run(['doctor', '--json', ...args], { cwd: await aFolder(t), env })
  assert.equal(stderr, '')
  const { findings } = JSON.parse(stdout) as { findings: Finding[] }
  return { code, of: (check: string) => findings.find((finding) => finding.check === check) }
}

test('a data folder that others may look into is an error', async (t) => {
  const data = join(await aFolder(t), 'data')
  await mkdir(data)
  await chmod(data, 0o755)
  const { code, of } = await examine(t, ['--data', data])
  assert.equal(code, 1)
  assert.equal(of('data')?.state, 'error')
})

const at = (days: number): Date => new Date(Date.now() + days * 86_400_000)

test('a certificate that has expired is an error, and one that soon will is a warning', async (t) => {
  const folder = await aFolder(t)
  const { keyFile } = await aCertificate()
  for (const [days, state] of [
    [-1, 'error'],
    [5, 'warning'],
    [90, 'ok'],
  ] as const) {
    const { cert } = await generate([], { notBeforeDate: at(-10), notAfterDate: at(days) })
    const file = join(folder, `${state}.pem`)
    await writeFile(file, cert)
    const env = { MOORING_TLS_CERT: file, MOORING_TLS_KEY: keyFile, MOORING_LISTEN_HTTPS: '127.0.0.1:0' }
    assert.equal((await examine(t, [], env)).of('certificate')?.state, state, `${days}`)
  }
})

test('a configuration that is wrong is told as everywhere', async (t) => {
  const { code, stderr } = await run(['doctor'], { cwd: await aFolder(t), env: { MOORING_LISTEN_MQTT: 'x' } })
  assert.equal(code, 6)
  assert.match(stderr, /MOORING_LISTEN_MQTT/)
})

test('plain listeners in the network, and none in it, are warnings; they fail with --strict', async (t) => {
  const warned = await examine(t, [])
  assert.deepEqual([warned.code, warned.of('listen')?.state], [0, 'warning'])
  assert.match(warned.of('listen')?.text ?? '', /this machine only/)
  const plain = await examine(t, ['--strict'], { MOORING_LISTEN_MQTT: '0.0.0.0:1883' })
  assert.equal(plain.code, 1)
  assert.match(plain.of('listen')?.text ?? '', /mqtt in the network without encryption/)
})

test('a running server is asked, and the account that it lacks is missed', async (t) => {
  const data = await aListeningFolder(t, fakeOperator({ listAccounts: async () => ({ accounts: [] }) }))
  await chmod(data, 0o700)
  const { of } = await examine(t, ['--data', data])
  assert.match(of('server')?.text ?? '', /mooring 1\.2\.3, pid 4711, .* 12 clients/)
  assert.equal(of('admin')?.state, 'warning')
  assert.equal((await examine(t, [])).of('server')?.state, 'warning')
})

test('a server elsewhere is not examined from here, and nobody is told that it is well', async (t) => {
  const elsewhere = ['--server', 'https://broker.example:8443', 'doctor']
  const { code, stdout, stderr } = await run(elsewhere, { cwd: await aFolder(t) })
  assert.deepEqual([code, stdout], [2, ''])
  assert.match(stderr, /looks at this machine/)
})
