import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { createLog, type LogOptions } from '../../log.ts'
import { Secret } from '../../registry/index.ts'

function capture(options: Partial<LogOptions> = {}) {
  const written: string[] = []
  const stream = { write: (text: string) => written.push(text) }
  const log = createLog({ level: 'debug', format: 'json', stream, ...options })
  return {
    log,
    written,
    text: () => written.join(''),
    line: () => JSON.parse(written[0] ?? '') as Record<string, unknown>,
  }
}

test('a line is JSON with level, time in UTC, event, message and fields, written before the call returns', () => {
  const { log, written, line } = capture()
  log.info({ event: 'registered', device: 'A1' }, 'a device registered')
  assert.equal(written.length, 1)
  const { time, ...rest } = line()
  assert.deepEqual(rest, { level: 'info', event: 'registered', device: 'A1', msg: 'a device registered' })
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
})

test('lines below the level are not written', () => {
  const { log, written } = capture({ level: 'warn' })
  log.debug({ event: 'x' }, 'x')
  log.info({ event: 'x' }, 'x')
  log.warn({ event: 'x' }, 'x')
  log.error({ event: 'x' }, 'x')
  assert.equal(written.length, 2)
})

const secretNames = [
  'secret',
  'password',
  'token',
  'accessSecret',
  'payload',
  'body',
  'authorization',
  'Authorization',
  'registrationToken',
]
for (const name of secretNames) {
  test(`a field named ${name} is hidden at every depth`, () => {
    const { log, text } = capture()
    const value = 'hunter2'
    log.info(
      { event: 'x', [name]: value, a: { [name]: value, b: { [name]: { value }, c: [{ [name]: [value] }] } } },
      'm',
    )
    assert.equal(text().includes(value), false)
    assert.equal(text().split('[secret]').length - 1, 4)
  })
}

test('a Secret, bytes and what is too deep are not written', () => {
  const { log, line } = capture()
  log.info(
    { event: 'x', a: new Secret('hunter2'), b: Buffer.from('hunter2'), c: { d: { e: { f: { g: { h: 1 } } } } } },
    'm',
  )
  const { a, b, c } = line()
  assert.deepEqual({ a, b, c }, { a: '[secret]', b: '[7 bytes]', c: { d: { e: { f: { g: '[object]' } } } } })
})

test('nothing that is logged can make the log throw', () => {
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  const hostile = {
    get trap() {
      throw new Error('no')
    },
    toJSON: 3,
  }
  const badError = new Error('x')
  Object.defineProperty(badError, 'message', {
    get: () => {
      throw new Error('no')
    },
  })
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const { log, written, line } = capture()
  log.error(
    {
      event: 'x',
      circular,
      hostile,
      badError,
      big: 1n,
      nan: Number.NaN,
      f: () => 1,
      date: new Date(NaN),
      level: 'fake',
      time: 1,
      msg: 'fake',
      revoked: revoked.proxy,
      u: undefined,
    },
    'm',
  )
  assert.equal(written.length, 1)
  assert.deepEqual(
    [line()['level'], line()['msg'], line()['level_'], line()['big'], line()['nan']],
    ['error', 'm', 'fake', '1', 'NaN'],
  )
})

test('an error is told with its type, message, code, places in the code and causes', () => {
  const { log, line } = capture()
  const cause = Object.assign(new RangeError('disk full'), { code: 'ENOSPC' })
  log.error({ event: 'x', error: new Error('cannot write', { cause }) }, 'm')
  const error = line()['error'] as Record<string, Record<string, unknown>>
  assert.equal(error['type'], 'Error')
  assert.equal(error['message'], 'cannot write')
  assert.match(error['stack'] as unknown as string, /^at .+log\.test/)
  assert.deepEqual(
    [error['cause']?.['type'], error['cause']?.['message'], error['cause']?.['code']],
    ['RangeError', 'disk full', 'ENOSPC'],
  )
})

test('a cause that is no error is not written, and causes that go round in a circle end', () => {
  const { log, text } = capture()
  const error = new Error('outer', { cause: 'hunter2' })
  const round = new Error('round')
  round.cause = round
  log.error({ event: 'x', error, round }, 'm')
  assert.equal(text().includes('hunter2'), false)
  assert.match(text(), /\[and more\]/)
})

test('text longer than 1,000 characters is cut', () => {
  const { log, line } = capture()
  log.info({ event: 'x', long: 'a'.repeat(5000) }, 'b'.repeat(5000))
  assert.equal(String(line()['long']).length, 1001)
  assert.equal(String(line()['msg']).length, 1001)
})

const marks = [
  '\n',
  '\r',
  '\u001b',
  '\0',
  '\t',
  '\u007f',
  '\u0085',
  '\u009b',
  '\u2028',
  '\u2029',
  '\u202e',
  '\u2066',
  '\u200f',
]
for (const format of ['json', 'human'] as const) {
  test(`in ${format} form no control character, line separator or direction mark is written`, () => {
    const { log, text } = capture({ format })
    const hostile = marks.join('x')
    const error = new Error(hostile)
    error.name = hostile
    error.stack = `${hostile}\n    at ${hostile} (file.js:1:1)`
    log.info({ event: hostile, clientId: hostile, [hostile]: hostile, list: [hostile], error }, hostile)
    for (const mark of marks.slice(1))
      assert.equal(text().includes(mark), false, `U+${mark.charCodeAt(0).toString(16)}`)
    assert.match(text(), /\\u202e/)
  })
}

/** A line that a reader takes for one of the log's own: it does not begin with a blank. */
const logLines = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith(' '))

test('in human form a client ID with a line break cannot forge a line', () => {
  const { log, text } = capture({ format: 'human' })
  log.warn(
    { event: 'login-refused', clientId: 'x\n[2026-01-01 00:00:00.000] INFO: all is well' },
    'refused x\n[2026] INFO: fine',
  )
  assert.equal(logLines(text()).length, 1)
  assert.match(
    text(),
    /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\] WARN: refused x\\u000a\[2026\] INFO: fine \{"event":"login-refused"/,
  )
})

test('in human form nothing in a field, a message or an error forges a line (property)', () => {
  const nasty = fc
    .array(
      fc.constantFrom(
        '\n',
        '\r\n',
        '\\n',
        '\\',
        '"',
        '\\u000a',
        '\u2028',
        '    at ',
        '"stack": "',
        'INFO',
        '{',
        '\u001b[2J',
      ),
      { maxLength: 8 },
    )
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(nasty, nasty, nasty, (one, two, three) => {
      const { log, text } = capture({ format: 'human' })
      const error = Object.assign(new Error(one, { cause: new Error(three) }), { code: two })
      error.name = three
      log.error({ event: 'x', [one]: two, nested: { [two]: three, stack: one }, error }, three)
      assert.equal(logLines(text()).length, 1, text())
    }),
  )
})

test('auto is the human form on a terminal and JSON elsewhere', () => {
  const written: string[] = []
  const write = (text: string) => written.push(text)
  createLog({ level: 'info', format: 'auto', stream: { write, isTTY: true } }).info({ event: 'x' }, 'm')
  createLog({ level: 'info', format: 'auto', stream: { write } }).info({ event: 'x' }, 'm')
  assert.match(written[0] ?? '', /INFO: m/)
  assert.match(written[1] ?? '', /^\{"level":"info"/)
})

test('the last line is written even when the process ends at once, and a full disk does not end the process', () => {
  const module = new URL('../../log.js', import.meta.url).href
  const program = `
    import { createLog } from ${JSON.stringify(module)}
    const log = createLog({ level: 'info', format: 'json' })
    for (let i = 0; i < 100; i++) log.info({ event: 'x', i }, 'line')
    process.exit(7)`
  const piped = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 10_000,
  })
  assert.deepEqual([piped.status, piped.stdout.trim().split('\n').length], [7, 100])
  const full = spawnSync('sh', ['-c', 'exec "$0" --input-type=module -e "$1" > /dev/full', process.execPath, program], {
    encoding: 'utf8',
  })
  assert.deepEqual([full.status, full.stderr], [7, ''])
})
