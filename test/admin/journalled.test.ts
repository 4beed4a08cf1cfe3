import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createOperator, type Caller, type Operator } from '../../admin/index.ts'
import type { JournalEntry, Registry } from '../../registry/index.ts'
import { aDevice, aRegistry } from '../support/registry.ts'

const URLS = { url: 'https://broker.example/api/register-device', mqtt: 'mqtts://broker.example:8883' }
const CALLER = { kind: 'account', name: 'ada', address: '192.0.2.1', session: 'must not be kept' } as Caller

async function aStage(t: TestContext) {
  const registry = await aRegistry(t)
  await aDevice(registry)
  return {
    registry,
    operator: createOperator(
      {
        registry,
        backups: { create: async () => assert.fail('no backup was asked for') },
        status: () => assert.fail(),
      },
      CALLER,
    ),
  }
}

async function operationsOf(registry: Registry): Promise<JournalEntry[]> {
  return [...(await registry.journal.list({ limit: 100, after: 0, filter: { kind: 'operation' } })).entries]
}

test('an operation that is refused is in the journal with its code', async (t) => {
  const { registry, operator } = await aStage(t)
  await assert.rejects(operator.disableDevice({ device: 'A1-9999' }))
  const [entry] = await operationsOf(registry)
  assert.deepEqual(
    [entry?.operation, entry?.target, entry?.result, entry?.code],
    ['disableDevice', 'A1-9999', 'refused', 'ERR_NOT_FOUND'],
  )
})

const operations: readonly { target: string | undefined; ask: (operator: Operator) => Promise<unknown> }[] = [
  { target: 'A1-0001', ask: (operator) => operator.disableDevice({ device: 'A1-0001' }) },
  { target: 'A1-0001', ask: (operator) => operator.enableDevice({ device: 'A1-0001' }) },
  { target: 'A1-0001', ask: (operator) => operator.rotateDevice({ device: 'A1-0001' }) },
  { target: 'A1-0001', ask: (operator) => operator.deleteDevice({ device: 'A1-0001' }) },
  {
    target: 'dashboard',
    ask: (operator) => operator.createServiceKey({ name: 'dashboard', rules: {}, secret: 'a secret of a person' }),
  },
  { target: 'dashboard', ask: (operator) => operator.deleteServiceKey({ key: 'dashboard' }) },
]

test('every operation that changes something is in the journal once it is answered, with its caller and its target', async (t) => {
  const { registry, operator } = await aStage(t)
  for (const { ask } of operations) await ask(operator)
  const entries = await operationsOf(registry)
  assert.deepEqual(
    entries.map(({ target, result }) => [target, result]),
    operations.map(({ target }) => [target, 'done']),
  )
  for (const { caller } of entries) assert.deepEqual(caller, { kind: 'account', name: 'ada', address: '192.0.2.1' })
})

test('no secret and no token of an operation is in the journal', async (t) => {
  const { registry, operator } = await aStage(t)
  const { accessSecret } = await operator.createServiceKey({ name: 'dashboard', rules: {} })
  const { accessSecret: rotated } = await operator.rotateDevice({ device: 'A1-0001' })
  const { token } = await operator.createToken(URLS)
  const text = JSON.stringify(await operationsOf(registry))
  for (const secret of [accessSecret, rotated, token]) assert.ok(!text.includes(secret))
})

test('what a viewer may ask changes nothing, and is not in the journal', async (t) => {
  const { registry, operator } = await aStage(t)
  await operator.listDevices({ limit: 10 })
  await operator.getDevice({ device: 'A1-0001' })
  await operator.verifyToken({ token: 'nonsense' })
  await operator.listJournal({ limit: 10 })
  await operator.verifyJournal({})
  await operator.explain({ subject: 'A1-0001' })
  assert.deepEqual(await operationsOf(registry), [])
})

test('a change of many devices is one entry with what was meant and how many there were; to count them is none', async (t) => {
  const { registry, operator } = await aStage(t)
  for (const id of ['A1-0002', 'A1-0003', 'B1-0001']) await aDevice(registry, id)
  const change = { kind: 'tag', set: [{ key: 'line', value: '3' }], remove: ['trial'] } as const
  const request = {
    change: { ...change, set: [...change.set], remove: [...change.remove] },
    devices: { prefix: 'A1-' },
  }
  await operator.changeDevices({ ...request, limit: 500, dryRun: true })
  await operator.changeDevices({ ...request, limit: 500 })
  assert.deepEqual(
    (await operationsOf(registry)).map(({ operation, detail, count }) => [operation, detail, count]),
    [['changeDevices', 'tag +line=3 -trial where prefix A1-', 3]],
  )
})

test('in pages it is an entry as it begins and one as it ends, also when it is refused on its way', async (t) => {
  const { registry, operator } = await aStage(t)
  for (const id of ['A1-0002', 'A1-0003']) await aDevice(registry, id)
  const request = { change: { kind: 'disable' as const }, devices: { prefix: 'A1-' }, limit: 1 }
  let after: string | undefined
  do {
    const page = await operator.changeDevices({ ...request, ...(after === undefined ? {} : { after }) })
    after = page.next
  } while (after !== undefined)
  await assert.rejects(operator.changeDevices({ ...request, devices: {} }))
  assert.deepEqual(
    (await operationsOf(registry)).map(({ result, detail, count }) => [result, detail, count]),
    [
      ['done', 'disable where prefix A1- (begun)', 1],
      ['done', 'disable where prefix A1-', 3],
      ['refused', 'disable where ', undefined],
    ],
  )
})
