import { cp, rm } from 'node:fs/promises'
import { rooms } from '../../broker/persistence/layout.ts'
import { DurablePersistence } from '../../broker/persistence/index.ts'
import { loadConfig, type Config } from '../../config.ts'
import { openStore } from '../../open-store.ts'
import { message } from '../contract/persistence.ts'
import { copyAsKilled } from './killed-folder.ts'
import { memoryLog } from './log.ts'
import { aDevice } from './registry.ts'
import type { Credentials } from './server.ts'
import { everyDevice } from './every-device.ts'

export interface Stock {
  readonly devices: readonly Credentials[]
  /** What {@link stockOf} says of it. */
  readonly stock: string
}

const DEVICES = 6
const MESSAGES = 300
const KEEPER = { id: 'keeper' }
const READER = { id: 'reader' }

const configOf = (folder: string): Config => loadConfig({ env: { MOORING_DATA: folder }, cwd: folder }).config

/**
 * Fills a data folder over several starts, of which the last was killed: devices, keys, sessions with what waits for them,
 * retained messages, a will.
 */
export async function stockFolder(folder: string): Promise<Stock> {
  const devices: Credentials[] = []
  const running = `${folder}-running`
  for (let start = 0; start < 3; start++) {
    const { database, registry } = await openStore(configOf(running), { log: memoryLog(), poolThreads: 4 })
    for (let n = 0; n < DEVICES / 3; n++) devices.push(await aDevice(registry, `A1-${start}-${n}`))
    await registry.serviceKeys.create({ name: `service-${start}`, rules: { subscribe: ['losant/#'] } })
    const persistence = new DurablePersistence({ database, log: memoryLog() })
    await persistence.setup({ id: `${database.bootNumber}` })
    await persistence.addSubscriptions(KEEPER, [{ topic: 'q/#', qos: 2 }])
    await persistence.addSubscriptions(READER, [{ topic: `q/${start}`, qos: 1 }])
    let packetId = start * MESSAGES
    persistence.openQueue(READER.id).attach({ reserve: () => ++packetId, takenBack: () => {} })
    for (let n = 0; n < MESSAGES / 3; n++) {
      const packet = message(`${start}-${n} ${'x'.repeat(800)}`, { topic: `q/${start}`, qos: 1 })
      await persistence.publish(packet, [{ clientId: KEEPER.id }, { clientId: READER.id }], {
        clientId: KEEPER.id,
        messageId: n + 1,
      })
      if (n % 3 === 0) persistence.openQueue(READER.id).acknowledged(packetId)
      if (n % 10 === 0) await persistence.publish(message(`r ${n}`, { topic: `r/${start}/${n}`, retain: true }), [])
    }
    const will = { topic: 'w', payload: 'gone', qos: 0, retain: false, clientId: 'x', owner: {} }
    await database.writer.join((commit) =>
      commit.put(rooms.wills.ofText(`00000000000${start}:0`), Buffer.from(JSON.stringify(will))),
    )
    if (start === 2) await copyAsKilled(running, folder)
    await persistence.destroy()
    await database.close()
  }
  await rm(running, { recursive: true })
  const copy = `${folder}-looked-at`
  await cp(folder, copy, { recursive: true })
  const stock = await stockOf(copy)
  await rm(copy, { recursive: true })
  return { devices, stock }
}

/** What a start finds in the folder, in words. */
export async function stockOf(folder: string): Promise<string> {
  const { database, registry } = await openStore(configOf(folder), { log: memoryLog(), poolThreads: 4 })
  try {
    const log = memoryLog()
    const persistence = new DurablePersistence({ database, log })
    await persistence.setup({ id: `${database.bootNumber}` })
    const { commits: _, ...counters } = persistence.counters()
    const devices = await everyDevice((page) => registry.devices.list({ filter: {}, ...page }))
    const keys = await registry.serviceKeys.list()
    await persistence.destroy()
    return JSON.stringify({
      devices: devices.map(({ id, manufacturerId }) => `${id} ${manufacturerId}`),
      keys: keys.map(({ name, accessKey }) => `${name} ${accessKey}`),
      counters,
      waiting: [KEEPER, READER].map(({ id }) => persistence.queueOf(id).messages),
      faults: log.lines.filter(({ level }) => level === 'error').map(({ event }) => event),
    })
  } finally {
    await database.close()
  }
}
