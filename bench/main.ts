/** `npm run bench`: registration, logins and the start, side by side with what one would write first. See README.md. */
import { createHmac } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { load, make, mooring, start, type Program } from './programs.ts'

const CONNECTIONS = 64
const RETURNING = 1000
const STORED = Number(process.env['BENCH_DEVICES'] ?? 100_000)
const SECONDS = process.env['BENCH_SECONDS'] ?? '5'

interface Row {
  readonly what: string
  readonly measured: string
  readonly goal: string
  readonly met: boolean
}

const rows: Row[] = []
const folder = await mkdtemp(join(tmpdir(), 'mooring-bench-'))
const running = new Set<Program>()
try {
  await make()
  const data = join(folder, 'data')
  let server = await serve(data)
  const tokenFile = join(folder, 'token')
  await writeFile(tokenFile, await mooring('token', 'create', '--data', data))
  const naive = await startNaive()

  const own = await register(server, portOf(server, 'http'), tokenFile, ['--time', SECONDS, '--prefix', 'rate'])
  const other = await register(naive.program, naive.http, naive.tokenFile, ['--time', SECONDS])
  row('registrations a second, fsynced, 64 connections', own, '≥ 1500', own >= 1500)
  row('  … with argon2 m=19456, t=2 instead', own / other, '≥ 35 ×', own / other >= 35, `${other.toFixed(0)}/s: `)

  const [mine, theirs] = [join(folder, 'mine'), join(folder, 'theirs')]
  await register(server, portOf(server, 'http'), tokenFile, [
    '--n',
    `${RETURNING}`,
    '--prefix',
    'login',
    '--creds-out',
    mine,
  ])
  await register(naive.program, naive.http, naive.tokenFile, ['--n', '40', '--prefix', 'login', '--creds-out', theirs])

  await connect(server, portOf(server, 'mqtt'), mine, RETURNING, '64')
  const warm = await connect(server, portOf(server, 'mqtt'), mine, RETURNING, '64')
  const hashed = await connect(naive.program, naive.mqtt, theirs, 40, '8')
  row('logins of returning devices a second', warm.perSecond, '', true)
  const times = warm.perSecond / hashed.perSecond
  row(
    '  … with argon2 m=19456, t=2 at every CONNECT',
    times,
    '≥ 40 ×',
    times >= 40,
    `${hashed.perSecond.toFixed(0)}/s: `,
  )
  await stop(naive.program)

  await stop(server)
  server = await serve(data)
  const storm = await connect(server, portOf(server, 'mqtt'), mine, RETURNING, `${RETURNING}`)
  row(
    '1,000 devices at once after a restart: all in, s',
    storm.seconds,
    '≤ 5',
    storm.up === RETURNING && storm.seconds <= 5,
  )
  row('  … CONNACK p99, ms', storm.connackP99Ms, '< 1000', storm.connackP99Ms < 1000)

  await register(server, portOf(server, 'http'), tokenFile, ['--n', `${STORED}`, '--prefix', 'store'])
  await stop(server)
  server = await serve(data)
  const megabytes = await residentMegabytes(server.pid)
  row(`start on ${STORED} devices, s`, server.startMs / 1000, '≤ 3', server.startMs <= 3000)
  row('  … resident memory, MB', megabytes, '< 400', megabytes < 400)
} finally {
  await Promise.all([...running].map((program) => stop(program)))
  await rm(folder, { recursive: true, force: true })
}
report()

async function serve(data: string): Promise<Program> {
  const listen = ['--listen', 'mqtt=127.0.0.1:0', '--listen', 'http=127.0.0.1:0']
  const args = ['dist/main.js', 'serve', '--data', data, '--log-format', 'json', ...listen]
  // As `npm start` sets it.
  const env = { UV_THREADPOOL_SIZE: String(availableParallelism() + 4) }
  return await keep(start(args, (line) => line['event'] === 'serving', env))
}

async function startNaive(): Promise<{ program: Program; http: number; mqtt: number; tokenFile: string }> {
  const secret = 'a secret of more than thirty-two bytes'
  const args = ['dist/bench/contestants/argon2-every-time.js', join(folder, 'naive'), secret]
  const program = await keep(start(args, (line) => 'http' in line))
  const tokenFile = join(folder, 'naive-token')
  const text = [{ alg: 'HS256', typ: 'JWT' }, { iss: 'bench' }].map((part) => base64url(JSON.stringify(part))).join('.')
  await writeFile(tokenFile, `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`)
  return { program, http: Number(program.serving['http']), mqtt: Number(program.serving['mqtt']), tokenFile }
}

async function keep(starting: Promise<Program>): Promise<Program> {
  const program = await starting
  running.add(program)
  return program
}

async function stop(program: Program): Promise<void> {
  if (running.delete(program)) await program.stop()
}

/** @returns answers with 200 a second. */
async function register({ pid }: Program, port: number, tokenFile: string, more: readonly string[]): Promise<number> {
  const common = ['--port', `${port}`, '--pid', `${pid}`, '--conns', `${CONNECTIONS}`, '--token-file', tokenFile]
  const answers = await load('regload', ...common, ...more)
  if (answers['ok'] !== answers['answers']) throw new Error(`some were refused: ${JSON.stringify(answers)}`)
  return Number(answers['per_s'])
}

async function connect({ pid }: Program, port: number, credentials: string, count: number, atOnce: string) {
  const common = ['--port', `${port}`, '--pid', `${pid}`, '--creds', credentials]
  const answers = await load('mqttload', 'connect', ...common, '--n', `${count}`, '--cwin', atOnce)
  const connack: Record<string, unknown> = Object(answers['connack_us'])
  const up = Number(answers['up'])
  if (up !== count) throw new Error(`not all were let in: ${JSON.stringify(answers)}`)
  return {
    up,
    seconds: Number(answers['seconds']),
    perSecond: Number(answers['connects_per_s']),
    connackP99Ms: Number(connack['p99']) / 1000,
  }
}

function portOf({ serving }: Program, listener: string): number {
  const listeners: Record<string, unknown> = Object(serving['listeners'])
  return Number(String(listeners[listener]).split(':').at(-1))
}

async function residentMegabytes(pid: number): Promise<number> {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

function row(what: string, measured: number, goal: string, met: boolean, before = ''): void {
  const digits = measured < 100 ? 2 : 0
  rows.push({ what, measured: `${before}${measured.toFixed(digits)}`, goal, met })
}

function report(): void {
  const lines = rows.map(
    ({ what, measured, goal, met }) =>
      `${what.padEnd(52)} ${measured.padStart(14)}  ${goal === '' ? '' : `${goal.padEnd(8)} ${met ? 'met' : 'MISSED'}`}`,
  )
  process.stdout.write(`${lines.join('\n').replaceAll(/ +$/gm, '')}\n`)
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}
