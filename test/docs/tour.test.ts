import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { needsDebian, needsMosquittoClients } from '../support/debian.ts'
import { aFolder, projectFolder } from '../support/folder.ts'
import { MAIN, startProgram } from '../support/server.ts'

/** The lines that a person types, from the README, in their order; a line that goes on is one. */
function tourOf(readme: string): string[] {
  const [, tour = ''] = /^## Ten minutes$([^]*?)^## /m.exec(readme) ?? []
  return Array.from(tour.matchAll(/^\$ ((?:.*\\\n)*.*)$/gm), ([, line = '']) => line)
}

const DEADLINE_MS = 15_000

/** A terminal: lines are typed one after the other, and each answers with what it printed since. */
function aTerminal(t: TestContext, cwd: string, setUp: readonly string[]) {
  const { PATH = '' } = process.env
  // In a process group of its own, so that what it leaves in the background ends with it.
  const shell = spawn('bash', [], { cwd, env: { PATH, HOME: cwd }, detached: true })
  const closed = once(shell, 'close')
  t.after(async () => {
    if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL')
    await closed
  })
  let printed = ''
  const news = new Set<() => void>()
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      for (const look of news) look()
    })
  }
  const seen = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`nothing like ${pattern} in:\n${printed}`)), DEADLINE_MS)
      const look = (): void => {
        const found = pattern.exec(printed)
        if (found === null) return
        clearTimeout(late)
        resolve(found)
      }
      news.add(look)
      look()
    })
  let typed = 0
  const type = async (line: string): Promise<string> => {
    const end = `(done ${++typed}) `
    const from = printed.length
    shell.stdin.write(`${line}\necho "${end}$?"\n`)
    const [, code] = await seen(new RegExp(`${end.replaceAll(/[()]/g, '\\$&')}(\\d+)$`, 'm'))
    const text = printed.slice(from)
    assert.equal(code, '0', `$ ${line}\n${text}`)
    return text
  }
  shell.stdin.write(`${setUp.join('\n')}\n`)
  return { type, seen }
}

const skip = needsMosquittoClients() || needsDebian('curl', '/usr/bin/curl')

test('the ten minutes of the README work as they are typed', { skip, timeout: 60_000 }, async (t) => {
  const cwd = await aFolder(t)
  const env = {
    MOORING_LISTEN_MQTT: '127.0.0.1:0',
    MOORING_LISTEN_HTTP: '127.0.0.1:0',
    MOORING_LOG_FORMAT: 'json',
    MOORING_LOG_LEVEL: 'debug',
  }
  const server = startProgram(t, ['serve'], { cwd, env })
  const { listeners } = JSON.parse(await server.line(/"event":"serving"/)) as { listeners: Record<string, string> }
  const port = (listeners['mqtt'] ?? '').split(':')[1]
  // `mooring` as `npm link` would have made it, and the one port that clients take for granted.
  const { type, seen } = aTerminal(t, cwd, [
    `mooring() { '${process.execPath}' '${MAIN}' "$@"; }`,
    ...['sub', 'pub'].map((name) => `mosquitto_${name}() { command mosquitto_${name} -p ${port} "$@"; }`),
  ])
  const lines = tourOf(readFileSync(join(projectFolder, 'README.md'), 'utf8'))
  const next = (start: string): string => {
    const line = lines.shift() ?? ''
    assert.ok(line.startsWith(start), `${line} begins with ${start}`)
    return line.replaceAll('127.0.0.1:8080', listeners['http'] ?? '')
  }

  next('npm link')
  assert.match(await type(next('mooring status')), /mooring-data/)

  await type(next('TOKEN=$(mooring token create'))
  assert.match(await type(next('mooring token verify')), /"?exp/)

  const registered = await type(next('curl '))
  const [body = ''] = /\{.*\}/.exec(registered) ?? []
  const { deviceId, accessKey, accessSecret } = JSON.parse(body) as Record<string, string>
  assert.match(next('ID='), /^ID=[0-9a-f]{24} KEY=\w+… SECRET=\w+…$/)
  await type(`ID=${deviceId} KEY=${accessKey} SECRET=${accessSecret}`)
  await type(next('mosquitto_sub '))
  await server.line(new RegExp(`"event":"login".*"${deviceId}"`))

  const created = await type(next('mooring key create'))
  const [, key] = /^access key +(\S+)$/m.exec(created) ?? []
  const [, secret] = /^access secret +(\S+)$/m.exec(created) ?? []
  assert.match(next('ACCESS_KEY='), /^ACCESS_KEY=\w+… ACCESS_SECRET=\w+…$/)
  await type(`ACCESS_KEY=${key} ACCESS_SECRET=${secret}`)
  await type(next('mosquitto_pub '))
  await seen(new RegExp(`^losant/${deviceId}/command \\{"name":"start","payload":null\\}$`, 'm'))

  assert.match(await type(next('mooring device list')), /A1-0001/)
  await type(next('mooring device disable A1-0001'))
  await server.line(/"event":"access-revoked".*"closed":1/)
  await server.line(new RegExp(`"event":"login-refused".*"${deviceId}"`))

  next('MOORING_TLS_CERT=server.crt MOORING_TLS_KEY=server.key npm start -- ')
  assert.deepEqual(lines, [])
})
