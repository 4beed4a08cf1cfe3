import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryLevel } from 'memory-level'
import { RegistryError, type Registry } from '../../../registry/index.ts'
import { aRegistry, aToken, memoryDatabase } from '../../support/registry.ts'

const NOW = new Date('2026-01-02T03:04:05.678Z')
const refusal = (code: string) => (error: unknown) => error instanceof RegistryError && error.code === code

const anApprovingRegistry = (t: Parameters<typeof aRegistry>[0], level = new MemoryLevel()) =>
  aRegistry(t, { database: memoryDatabase(level), registrationMode: 'approve' })

const ask = async (registry: Registry, manufacturerId: string) =>
  await registry.registerDevice({ token: await aToken(registry), manufacturerId, address: '192.0.2.7' })

const waiting = async (registry: Registry) =>
  (await registry.approvals.list({ state: 'waiting', limit: 100 })).map(({ manufacturerId }) => manufacturerId)

test('an ID that nobody knows waits, is told to come again, and is there after a restart', async (t) => {
  const level = new MemoryLevel()
  const registry = await anApprovingRegistry(t, level)
  const error: unknown = await ask(registry, 'A1').catch((thrown: unknown) => thrown)
  assert.ok(error instanceof RegistryError)
  assert.equal(error.code, 'ERR_APPROVAL_PENDING')
  assert.equal(error.retryAfterSeconds, 60)
  const next = await anApprovingRegistry(t, level)
  const [approval] = await next.approvals.list({ state: 'waiting', limit: 10 })
  assert.equal(approval?.manufacturerId, 'A1')
  assert.equal(approval.address, '192.0.2.7')
  assert.equal(next.approvals.waiting, 1)
})

test('a hundred requests for one ID wait as one', async (t) => {
  const registry = await anApprovingRegistry(t)
  const asked = await Promise.allSettled(Array.from({ length: 100 }, () => ask(registry, 'A1')))
  assert.ok(asked.every(({ status }) => status === 'rejected'))
  assert.equal(registry.approvals.waiting, 1)
})

test('who is approved registers once, and is forgotten as one who waits', async (t) => {
  const registry = await anApprovingRegistry(t)
  await assert.rejects(ask(registry, 'A1'), refusal('ERR_APPROVAL_PENDING'))
  await registry.approvals.decide(['A1'], 'approved', NOW)
  assert.equal(registry.approvals.waiting, 0)
  await ask(registry, 'A1')
  await assert.rejects(ask(registry, 'A1'), refusal('ERR_DEVICE_ALREADY_REGISTERED'))
  // Deleted, it is unknown again: what was decided once is not decided for ever.
  await registry.devices.delete('A1')
  await assert.rejects(ask(registry, 'A1'), refusal('ERR_APPROVAL_PENDING'))
})

test('who is refused stays refused until somebody approves', async (t) => {
  const registry = await anApprovingRegistry(t)
  await assert.rejects(ask(registry, 'A1'), refusal('ERR_APPROVAL_PENDING'))
  await registry.approvals.decide(['A1'], 'refused', NOW)
  await assert.rejects(ask(registry, 'A1'), refusal('ERR_REGISTRATION_REFUSED'))
  await registry.approvals.decide(['A1'], 'approved', NOW)
  await ask(registry, 'A1')
})

test('many are decided together or not at all', async (t) => {
  const registry = await anApprovingRegistry(t)
  for (const id of ['A1', 'A2']) await assert.rejects(ask(registry, id))
  await assert.rejects(registry.approvals.decide(['A1', 'A9'], 'approved', NOW), refusal('ERR_NOT_FOUND'))
  assert.deepEqual(await waiting(registry), ['A1', 'A2'])
  assert.equal((await registry.approvals.decideAll('approved', NOW)).length, 2)
  assert.deepEqual(await waiting(registry), [])
  for (const id of ['A1', 'A2']) await ask(registry, id)
})
