import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { HISTORY_FILE, HistoryFile, type Steps } from '../../admin/index.ts'
import { writeFileDurably } from '../../storage/index.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { startMooring } from '../support/server.ts'
import { ask } from './http/support.ts'

const step = (at: number) => ({ at, connected: 3, messagesIn: 2.5, messagesOut: 100, registrations: 2, refused: 1 })
const STEPS: Steps = { '1h': [step(1_700_000_000), step(1_700_000_010)], '24h': [step(1_700_000_000)] }

async function aHistoryFile(t: TestContext) {
  const folder = await aFolder(t)
  const log = memoryLog()
  const file = new HistoryFile({ folder, write: writeFileDurably, log })
  return { folder, path: join(folder, HISTORY_FILE), file, log }
}

const broken = [
  { name: 'is empty', text: '' },
  { name: 'was cut off', text: '{"1h":[[1700000000,3,2.5' },
  { name: 'is of another kind', text: '{"1h":[],"24h":[],"7d":[]}' },
  { name: 'has a row that is too short', text: '{"1h":[[1700000000,3]],"24h":[]}' },
  { name: 'has a number below zero', text: '{"1h":[[1700000000,3,-1,0,0,0]],"24h":[]}' },
  { name: 'has no number', text: '{"1h":[[1700000000,3,"many",0,0,0]],"24h":[]}' },
  { name: 'has too many rows', text: `{"1h":[${Array(1001).fill('[1,1,1,1,1,1]').join()}],"24h":[]}` },
  { name: 'is too large to be read', text: ' '.repeat(1024 * 1024 + 1) },
]

for (const { name, text } of broken) {
  test(`a history that ${name} is lost, which is told, and the next one takes its place`, async (t) => {
    const { path, file, log } = await aHistoryFile(t)
    await writeFile(path, text)
    assert.equal(await file.read(), undefined)
    assert.deepEqual(
      log.lines.map(({ level, event }) => [level, event]),
      [['warn', 'history-lost']],
    )
    await file.write(STEPS)
    assert.deepEqual(await file.read(), STEPS)
  })
}

test('a folder without a history is nothing to speak of', async (t) => {
  const { file, log } = await aHistoryFile(t)
  assert.equal(await file.read(), undefined)
  assert.deepEqual(log.lines, [])
})

test('of two that are written at once the later one stays, whole', async (t) => {
  const { folder, file } = await aHistoryFile(t)
  await Promise.all([file.write({ '1h': [], '24h': [] }), file.write(STEPS)])
  assert.deepEqual(await file.read(), STEPS)
  assert.deepEqual(await readdir(folder), [HISTORY_FILE])
})

test('a history that cannot be written is told once, and again after it could', async (t) => {
  const { folder, path, file, log } = await aHistoryFile(t)
  const fail = async (): Promise<void> => {
    await rm(path, { force: true })
    await mkdir(join(path, 'in the way'), { recursive: true })
    await file.write(STEPS)
    await file.write(STEPS)
    await rm(path, { recursive: true })
    await file.write(STEPS)
  }
  await fail()
  await fail()
  assert.deepEqual(
    log.lines.map(({ level, event }) => `${level} ${event}`),
    Array(2).fill('warn history-unwritten'),
  )
  assert.deepEqual(await file.read(), STEPS)
  assert.deepEqual(await readdir(folder), [HISTORY_FILE])
})

test('a server shows what was counted before it was started, and keeps it', async (t) => {
  const data = join(await aFolder(t), 'data')
  const first = await startMooring(t, { data })
  const { token } = await first.json('apitoken', 'create', 'ci', '--role', 'viewer')
  assert.equal(await first.stop(), 0)
  const now = Math.round(Date.now() / 1000)
  const rows = [-1200, -900, -600].map((ago) => Object.values(step(now + ago)))
  const text = `${JSON.stringify({ '1h': rows, '24h': rows })}\n`
  await writeFile(join(data, HISTORY_FILE), text)
  for (const start of [1, 2]) {
    const server = await startMooring(t, { data })
    const headers = { authorization: `Bearer ${String(token)}` }
    const { body } = await ask(`${server.url('http')}/admin/v1/history?span=24h`, { headers })
    assert.deepEqual([body['times'], body['messagesIn']], [rows.map(([at]) => at), [2.5, 2.5, 2.5]], `start ${start}`)
    const overview = await ask(`${server.url('http')}/admin/v1/overview`, { headers })
    assert.deepEqual(overview.body['registrations'], { accepted: 6, refused: 3 })
    assert.equal(server.count('history-lost'), 0)
    assert.equal(await server.stop(), 0)
  }
  // It ran for a moment only.
  assert.equal(await readFile(join(data, HISTORY_FILE), 'utf8'), text)

  await writeFile(join(data, HISTORY_FILE), text.slice(0, -20))
  const server = await startMooring(t, { data })
  assert.equal(server.count('history-lost'), 1)
})
