import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Operator } from '../../admin/index.ts'
import { A_DEVICE, fakeOperator } from '../admin/fake-operator.ts'
import { aFolder } from '../support/folder.ts'
import { holding, run } from './harness.ts'

const asked = async (t: TestContext, line: string, operator: Partial<Operator> = {}) =>
  run(line.split(' '), { cwd: await aFolder(t), openLocal: holding(fakeOperator(operator)) })

for (const line of ['device list -o yaml', 'device list -o', 'device list -o csv --json']) {
  test(`mooring ${line} is refused`, async (t) => {
    const { code, stdout } = await asked(t, line)
    assert.deepEqual([code, stdout], [2, ''])
  })
}

const formulaDevice: Operator['listDevices'] = async () => ({ devices: [{ ...A_DEVICE, name: '=HYPERLINK("x")' }] })

test('a name that a spreadsheet would take for a formula is shown as text', async (t) => {
  const { stdout } = await asked(t, 'device list -o csv', { listDevices: formulaDevice })
  assert.match(stdout, /,"'=HYPERLINK\(""x""\)",/)
})

for (const format of ['json', 'jsonl']) {
  test(`with -o ${format} an error is JSON too`, async (t) => {
    for (const line of [
      `device get nope -o ${format}`,
      `device -o ${format} get nope`,
      `--output=${format} nonsense`,
    ]) {
      const { code, stderr } = await asked(t, line)
      assert.notEqual(code, 0)
      assert.ok(Object.hasOwn(Object(JSON.parse(stderr)), 'error'), line)
    }
  })
}

const twoDevices: Operator['listDevices'] = async () => ({
  devices: [A_DEVICE, { ...A_DEVICE, id: '6922d1a0c3f4e5b6a7980002', name: 'a,b' }],
})

test('json is the whole answer, jsonl a line for each row, csv a table, and table is for people', async (t) => {
  const output = async (format: string) =>
    (await asked(t, `device list -o ${format}`, { listDevices: twoDevices })).stdout
  assert.deepEqual(JSON.parse(await output('json')), await twoDevices({ limit: 2 }))
  const lines = (await output('jsonl')).trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { name: string }).name),
    [A_DEVICE.name, 'a,b'],
  )
  const [head, first, second, ...rest] = (await output('csv')).trimEnd().split('\n')
  assert.equal(head, 'id,manufacturerId,name,deviceClass,description,tags,attributes,registeredAt,disabled')
  assert.ok(first?.startsWith(`${A_DEVICE.id},A1-0001,Generator - A1-0001,`))
  assert.ok(second?.includes(',"a,b",'))
  assert.deepEqual(rest, [])
  assert.match(await output('table'), /^ID +MANUFACTURER ID/)
})

test('an answer that is no list is one row', async (t) => {
  const { stdout } = await asked(t, 'device get A1-0001 -o jsonl')
  assert.deepEqual(JSON.parse(stdout), A_DEVICE)
})

test('that there is more is said where the rows do not say it', async (t) => {
  for (const [format, says] of [
    ['jsonl', true],
    ['csv', true],
    ['json', false],
  ] as const) {
    const { stderr } = await asked(t, `device list --limit 1 -o ${format}`)
    assert.equal(stderr.includes('There are more'), says, format)
  }
})

const A_SECRET = { deviceId: '6922d1a0c3f4e5b6a7980001', accessKey: 'key', accessSecret: 'secret' }

/** Three pages of two secrets each; asked for more it fails. */
const rotating = (pages: number): Operator['changeDevices'] => {
  let given = 0
  return async ({ dryRun = false }) => {
    if (dryRun) return { matched: 6, changed: [], secrets: [] }
    given += 1
    if (given > pages) throw new Error('the server went away')
    const next = given === 3 ? {} : { next: `${given}` }
    return { matched: 2, changed: [], secrets: [A_SECRET, { ...A_SECRET, accessSecret: `${given}` }], ...next }
  }
}

test('secrets of many pages are one document, one table, or a line each, also when the command fails in between', async (t) => {
  const printed = async (format: string, pages: number) =>
    (await asked(t, `device rotate --tag line=3 --yes -o ${format}`, { changeDevices: rotating(pages) })).stdout
  for (const [pages, count] of [
    [3, 6],
    [1, 2],
    [0, 0],
  ] as const) {
    const document = JSON.parse(await printed('json', pages)) as { secrets: unknown[]; matched: number }
    assert.deepEqual([document.secrets.length, document.matched], [count, count], `json, ${pages}`)
    assert.equal((await printed('jsonl', pages)).split('\n').length - 1, count)
    const lines = (await printed('csv', pages)).split('\n').slice(0, -1)
    assert.equal(lines.length, count === 0 ? 0 : count + 1)
    assert.deepEqual(lines.filter((line) => line === 'deviceId,accessKey,accessSecret').length, count === 0 ? 0 : 1)
  }
})
