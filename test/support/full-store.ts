import assert from 'node:assert/strict'
import { rooms } from '../../broker/persistence/layout.ts'
import { DurablePersistence } from '../../broker/persistence/index.ts'
import { openRegistry, Secret, TL_GENERATOR } from '../../registry/index.ts'
import { openDatabase } from '../../storage/index.ts'
import { message } from '../contract/persistence.ts'
import { memoryLog } from './log.ts'
import { aToken, ISSUER, SIGNING_SECRET } from './registry.ts'

/** As many as are recorded, so that the chain has a middle. */
export const JOURNAL_ENTRIES = 9

/**
 * Fills a data folder through the product's own doors, so that there is something in every room.
 *
 * @returns the rooms that the product opened, by name.
 */
export async function fillStore(folder: string): Promise<readonly string[]> {
  const log = memoryLog()
  const database = await openDatabase(folder)
  const opened = new Set(Object.values(rooms).map(({ name }) => name))
  const { level } = database
  const sublevel = level.sublevel.bind(level)
  level.sublevel = ((name: string, options: object) => {
    opened.add(name)
    return sublevel(name, options)
  }) as never
  const registry = await openRegistry(database, {
    registrationSecret: new Secret(SIGNING_SECRET),
    registrationIssuer: ISSUER,
    recipe: TL_GENERATOR,
    normalisation: 'upper',
    topicRoot: 'losant',
    deviceTopics: 'own',
    poolThreads: 4,
    loginQueue: 100,
    log,
  })
  const address = '192.0.2.1'
  const token = await aToken(registry, { comingBack: 'until-first-use', tags: [{ key: 'site', value: 'north' }] })
  for (const manufacturerId of ['a1', 'a2', 'a3']) await registry.registerDevice({ token, manufacturerId, address })
  await registry.devices.change('a3', { kind: 'disable' })
  await registry.serviceKeys.create({ name: 'reader', rules: { subscribe: ['losant/#'] } })
  await registry.signingKeys.rotate('ES256')
  const entry = { manufacturerId: 'b1', tags: [], note: '' }
  await registry.allowList.add(entry, new Date())
  const asked = { manufacturerId: 'c1', address, now: new Date() }
  await assert.rejects(registry.approvals.ask(asked), { code: 'ERR_APPROVAL_PENDING' })

  const { accounts } = registry
  await accounts.create({ name: 'root', password: 'correct horse battery', role: 'admin' })
  await accounts.sessions.begin('root', address)
  await accounts.apiTokens.create({ name: 'ci', role: 'viewer', scopes: ['devices:read'] })
  await accounts.replays.once({ caller: 'root', key: 'k', request: 'r' }, () => Promise.resolve({ done: true }))
  for (let n = 0; n < JOURNAL_ENTRIES; n++) {
    await registry.journal.recordNow({ kind: 'operation', result: 'done', operation: `device.list ${n}` })
  }
  await registry.close()

  const persistence = new DurablePersistence({ database, log })
  await persistence.setup({ id: `${database.bootNumber}` })
  const reader = { id: 'reader' }
  await persistence.addSubscriptions(reader, [{ topic: 'q/#', qos: 2 }])
  let packetId = 0
  const queue = persistence.openQueue(reader.id)
  queue.attach({ reserve: () => ++packetId, takenBack: () => {} })
  for (const qos of [1, 2] as const) {
    const packet = message('waits', { topic: 'q/1', qos, retain: true })
    await persistence.publish(packet, [{ clientId: reader.id }], { clientId: reader.id, messageId: qos })
    if (qos === 1) queue.acknowledged(packetId)
  }
  await persistence.putWill(reader, { topic: 'w', payload: Buffer.from('gone') })
  const will = { topic: 'w', payload: 'gone', qos: 0, retain: false, clientId: 'x', owner: {} }
  await database.writer.join((commit) =>
    commit.put(rooms.wills.ofText('000000000001:0'), Buffer.from(JSON.stringify(will))),
  )
  await persistence.destroy()
  await database.close()
  return [...opened].toSorted()
}

/** A record by its key in the store, as latin1. */
export type StoreContents = Map<string, Buffer>

export async function contentsOfStore(folder: string): Promise<StoreContents> {
  const database = await openDatabase(folder)
  const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
  const entries = await database.level.iterator<Buffer, Buffer>(encodings).all()
  await database.close()
  return new Map(entries.map(([key, value]) => [key.toString('latin1'), value]))
}
