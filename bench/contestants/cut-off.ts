// How long it takes from an operator's command until a device's connection is closed, while many others are connected:
// `--data DIR --devices N`. Server and devices share this process, so the devices' own work is in the figure.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { generate } from 'mqtt-packet'
import { loadConfig } from '../../config.ts'
import { Credentials } from '../../registry/credentials.ts'
import { HashGate } from '../../registry/hash-gate.ts'
import { mintAccessKey, mintAccessSecret, newDevice, TL_GENERATOR, type Log } from '../../registry/index.ts'
import { RegistryStore } from '../../registry/store.ts'
import { startServer } from '../../server.ts'
import { openDatabase } from '../../storage/index.ts'

const TOGETHER = 500
const CUTS = 100

const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

const { values } = parseArgs({ options: { data: { type: 'string' }, devices: { type: 'string' } } })
const count = Number(values.devices)
const secret = mintAccessSecret()
const devices = await fill(values.data ?? '')
const free = '127.0.0.1:0'
const env = {
  MOORING_DATA: values.data,
  MOORING_LISTEN_MQTT: free,
  MOORING_LISTEN_HTTP: free,
  MOORING_REGISTRATION_SECRET: 'b'.repeat(64),
  MOORING_REGISTRATION_ISSUER: 'bench',
  MOORING_LIMITS_PER_ADDRESS: `${2 * count}`,
  MOORING_LIMITS_CONNECTIONS: `${2 * count}`,
}
const { config } = loadConfig({ flags: {}, configFile: undefined, env, cwd: process.cwd() })
const server = await startServer(config, { log: quiet, version: 'bench', poolThreads: 4 })
const sockets = new Map<string, Socket>()
for (let from = 0; from < count; from += TOGETHER) await Promise.all(devices.slice(from, from + TOGETHER).map(logIn))
const { connectedClients } = await server.operator.status()

const times: number[] = []
for (const { id } of devices.filter((_, n) => n % Math.ceil(count / CUTS) === 0)) {
  const socket = sockets.get(id)
  if (socket === undefined) continue
  const began = performance.now()
  await Promise.all([once(socket, 'close'), server.operator.disableDevice({ device: id })])
  times.push(performance.now() - began)
}
const sorted = times.toSorted((one, other) => one - other)
const at = (share: number): string => (sorted[Math.ceil(share * sorted.length) - 1] ?? 0).toFixed(1)
process.stdout.write(`${connectedClients} connected; disabled to disconnected: p50 ${at(0.5)} ms, most ${at(1)} ms\n`)

const tag = 'DeviceRecipe=tl-generator'
const began = performance.now()
for (let after: string | undefined; ;) {
  const page = await server.operator.changeDevices({
    change: { kind: 'quarantine' },
    devices: { tag },
    limit: 500,
    ...(after === undefined ? {} : { after }),
  })
  after = page.next
  if (after === undefined) break
}
await Promise.all(Array.from(sockets.values(), async (socket) => socket.closed || (await once(socket, 'close'))))
process.stdout.write(`all of them quarantined and disconnected: ${(performance.now() - began).toFixed(0)} ms\n`)
await server.close()

async function fill(folder: string): Promise<{ id: string; accessKey: string }[]> {
  const database = await openDatabase(folder)
  const store = new RegistryStore(database)
  await store.open()
  const secretHash = await new Credentials(new HashGate(1, 1)).hashGenerated(secret)
  const insert = async (n: number): Promise<{ id: string; accessKey: string }> => {
    const now = new Date()
    const device = newDevice(`A1-${n}`, TL_GENERATOR, now)
    const accessKey = mintAccessKey()
    const key = { secretHash, description: '', createdAt: now.toISOString(), disabled: false, accessKey }
    await store.insertDevice(device, { kind: 'device', deviceId: device.id, ...key })
    return { id: device.id, accessKey }
  }
  const made = await Promise.all(Array.from({ length: count }, (_, n) => insert(n)))
  await database.close()
  return made
}

async function logIn({ id, accessKey }: { id: string; accessKey: string }): Promise<void> {
  const socket = connect(server.addresses.mqtt?.port ?? 0, '127.0.0.1')
  // A reset is a way to be disconnected too.
  socket.on('error', () => {})
  sockets.set(id, socket)
  await once(socket, 'connect')
  const password = Buffer.from(secret.reveal())
  socket.write(generate({ cmd: 'connect', clientId: id, username: accessKey, password, keepalive: 0, clean: true }))
  await once(socket, 'data')
}
