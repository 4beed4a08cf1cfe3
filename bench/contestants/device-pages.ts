// How long a page of 50 devices takes out of a store that holds many: `--data DIR --devices N`. The store is filled when it
// is new. Says nothing about a cold disk: what was just written is in the page cache.
import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { mintAccessKey, newDevice, TL_GENERATOR, type DeviceFilter } from '../../registry/index.ts'
import { RegistryStore } from '../../registry/store.ts'
import { openDatabase } from '../../storage/index.ts'

const TOGETHER = 1000
const PAGES = 200

/** One in so many devices has it. */
const RARE = 10_000

const { values } = parseArgs({ options: { data: { type: 'string' }, devices: { type: 'string' } } })
const database = await openDatabase(values.data ?? '')
const store = new RegistryStore(database)
await store.open()
const count = Number(values.devices)
if (database.created) {
  for (let made = 0; made < count; made += TOGETHER) {
    await Promise.all(Array.from({ length: Math.min(TOGETHER, count - made) }, (_, n) => insert(made + n)))
  }
}

const filters: Record<string, DeviceFilter> = {
  'no filter': {},
  'the state of one in 10,000': { state: 'quarantined' },
  'the tag of all': { tag: { key: 'DeviceRecipe', value: 'tl-generator' } },
  'the tag of one in 100': { tag: { key: 'line', value: '7' } },
  'the token of half': { tokenId: 'token-1' },
  'the token of half, the tag of one in 100, the state of one in 10,000': {
    tokenId: 'token-1',
    tag: { key: 'line', value: '7' },
    state: 'quarantined',
  },
  'a prefix of one in 16': { manufacturerIdPrefix: 'a' },
  'a prefix of one in 16, the state of one in 10,000': { manufacturerIdPrefix: 'a', state: 'quarantined' },
}
for (const [name, filter] of Object.entries(filters)) await measure(name, filter)
await database.close()

/** From the first page on, and from the first again when there are no more. */
async function measure(name: string, filter: DeviceFilter): Promise<void> {
  const times: number[] = []
  let held = 0
  for (let after: string | undefined; times.length < PAGES;) {
    const began = performance.now()
    const page = await store.selectDevices({ filter, limit: 50, ...(after === undefined ? {} : { after }) })
    times.push(performance.now() - began)
    held += page.devices.length
    after = page.next
  }
  const sorted = times.toSorted((one, other) => one - other)
  const at = (share: number): string => (sorted[Math.ceil(share * PAGES) - 1] ?? 0).toFixed(1)
  process.stdout.write(`${name}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms, ${held / PAGES} a page\n`)
}

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
