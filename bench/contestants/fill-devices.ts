// Fills a data folder with many devices through the product's own store, faster than they could register:
// `--data DIR --devices N`. Half of them have one token, one in 100 each has a line, one in 10,000 is quarantined.
import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { mintAccessKey, newDevice, TL_GENERATOR } from '../../registry/index.ts'
import { RegistryStore } from '../../registry/store.ts'
import { openDatabase } from '../../storage/index.ts'

const TOGETHER = 1000

/** One in so many devices has it. */
const RARE = 10_000

const { values } = parseArgs({ options: { data: { type: 'string' }, devices: { type: 'string' } } })
const database = await openDatabase(values.data ?? '')
const store = new RegistryStore(database)
await store.open()
const count = Number(values.devices)
for (let made = 0; made < count; made += TOGETHER) {
  await Promise.all(Array.from({ length: Math.min(TOGETHER, count - made) }, (_, n) => insert(made + n)))
}
await database.close()

async function insert(n: number): Promise<void> {
  const now = new Date(Date.UTC(2026, 0, 1) + n * 100)
  const tokenId = `token-${n % 2}`
  const tags = [{ key: 'line', value: `${n % 100}` }]
  const made = newDevice(randomUUID(), TL_GENERATOR, now, { tokenId, registeredFrom: '192.0.2.1', tags })
  const device = { ...made, quarantined: n % RARE === 7 }
  await store.insertDevice(device, {
    kind: 'device',
    accessKey: mintAccessKey(),
    deviceId: device.id,
    secretHash: '',
    description: '',
    createdAt: now.toISOString(),
    disabled: false,
  })
}
