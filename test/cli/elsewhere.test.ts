import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { anAdminDoor } from '../admin/http/support.ts'
import { aCertificate } from '../support/certificate.ts'
import { aFolder } from '../support/folder.ts'
import { aDevice } from '../support/registry.ts'
import { MAIN, startMooring } from '../support/server.ts'
import { run } from './harness.ts'

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

for (const line of [
  ['--server', 'https://broker.example'],
  ['--api-token-file', 'token'],
  ['--server', 'broker.example', '--api-token-file', 'token'],
  ['--server', 'https://broker.example', '--api-token-file', 'nothing of the kind'],
]) {
  test(`mooring device list ${line.join(' ')} is refused`, async (t) => {
    const cwd = await aFolder(t)
    await writeFile(join(cwd, 'token'), 'mooring_x\n')
    assert.equal((await run(['device', 'list', ...line], { cwd })).code, 2)
  })
}

test('a server elsewhere is asked with an API token from a file', async (t) => {
  const door = await anAdminDoor(t)
  await aDevice(door.registry, 'A1-0001')
  const cwd = await aFolder(t)
  const { authorization = '' } = await door.apiToken('operator')
  await writeFile(join(cwd, 'token'), `${authorization.replace('Bearer ', '')}\n`)
  const there = ['--server', door.baseUrl, '--api-token-file', 'token']
  const made = await run(['device', 'create', 'A1-0002', ...there, '--json'], { cwd })
  assert.equal(made.code, 0, made.stderr)
  const listed = await run(['device', 'list', ...there, '-o', 'jsonl'], { cwd })
  assert.equal(listed.stdout.trimEnd().split('\n').length, 2)
  assert.equal((await run(['device', 'get', 'A1-9999', ...there], { cwd })).code, 3)
  assert.equal((await run(['admin', 'list', ...there], { cwd })).code, 4)
})

test('health says whether the server can serve, and 7 when there is none', async (t) => {
  assert.equal((await run(['health'], { cwd: await aFolder(t) })).code, 7)
  const server = await startMooring(t)
  const { ready, checks } = await server.json('health')
  assert.deepEqual(
    [ready, checks],
    [
      true,
      [
        { name: 'store', ok: true },
        { name: 'listeners', ok: true },
      ],
    ],
  )
})

test('what a token says is printed as it is, and what is none is refused', async (t) => {
  const cwd = await aFolder(t)
  const token = `${part({ alg: 'HS256' })}.${part({ iss: 'x', exp: 1_767_225_600 })}.`
  const { code, stdout } = await run(['token', 'inspect', '-', '--json'], { cwd, stdin: `${token}\n` })
  assert.deepEqual(
    [code, JSON.parse(stdout)],
    [0, { header: { alg: 'HS256' }, payload: { iss: 'x', exp: 1_767_225_600 } }],
  )
  assert.match((await run(['token', 'inspect', token], { cwd })).stdout, /expires +2026-01-01T00:00:00/)
  for (const given of ['', 'a.b', 'a.b.c', `${part([])}.${part({})}.x`, `${part({})}.${part({})}.x.y`]) {
    assert.equal((await run(['token', 'inspect', '-'], { cwd, stdin: given })).code, 2, given)
  }
})

test('a certificate is shown with its key, and a key of another one is found', async (t) => {
  const cwd = await aFolder(t)
  const { certFile, keyFile } = await aCertificate()
  assert.equal((await run(['cert', 'show'], { cwd })).code, 2)
  assert.equal((await run(['cert', 'show', keyFile], { cwd })).code, 1)
  const env = { MOORING_TLS_CERT: certFile, MOORING_TLS_KEY: keyFile }
  const { code, stdout } = await run(['cert', 'show', '--json'], { cwd, env })
  const { isValid, keyBelongs, names } = JSON.parse(stdout) as Record<string, unknown>
  assert.deepEqual([code, isValid, keyBelongs], [0, true, true])
  assert.match(String(names), /127\.0\.0\.1/)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await writeFile(join(cwd, 'other.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const other = await run(['cert', 'show'], { cwd, env: { ...env, MOORING_TLS_KEY: join(cwd, 'other.pem') } })
  assert.equal(other.code, 1)
  assert.match(other.stdout, /belongs to another one/)
})

test('whoever reads only the beginning is no fault', async (t) => {
  const child = spawn(process.execPath, [MAIN, 'manual'], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  child.stdout.destroy()
  const [complaints, [code]] = await Promise.all([text(child.stderr), once(child, 'close') as Promise<unknown[]>])
  assert.deepEqual([code, complaints], [0, ''])
})
