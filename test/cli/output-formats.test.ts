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
