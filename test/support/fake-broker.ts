import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { generate, parser, type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet'

/** A broker that knows four packets and writes down what it is sent. */
export interface FakeBroker {
  readonly url: string
  readonly packets: readonly Packet[]
  /** The next CONNECT, SUBSCRIBE, PUBLISH … that nobody has taken yet. */
  next(cmd: 'connect'): Promise<IConnectPacket>
  next(cmd: 'publish'): Promise<IPublishPacket>
  next(cmd: Packet['cmd']): Promise<Packet>
  publish(topic: string, payload: string): void
  /** Cuts the connection as a pulled cable would. */
  cut(): void
}

/** @param refusals - return codes of the first CONNACKs; after them everybody is let in. */
export async function aFakeBroker(
  t: TestContext,
  refusals: readonly number[] = [],
  onConnect: () => void = () => undefined,
): Promise<FakeBroker> {
  const packets: Packet[] = []
  const untaken: Packet[] = []
  const waiting = new Set<() => void>()
  const codes = [...refusals]
  let current: Socket | undefined

  const server = createServer((socket) => {
    current = socket
    const send = (packet: Packet): void => void socket.write(generate(packet))
    const reader = parser()
    socket.on('data', (bytes) => void reader.parse(bytes)).on('error', () => undefined)
    reader.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        onConnect()
        const returnCode = codes.shift() ?? 0
        send({ cmd: 'connack', returnCode, sessionPresent: false })
        if (returnCode !== 0) socket.end()
      }
      const { messageId = 0 } = packet
      if (packet.cmd === 'subscribe') send({ cmd: 'suback', messageId, granted: [0] })
      if (packet.cmd === 'publish' && packet.qos === 1) send({ cmd: 'puback', messageId })
      if (packet.cmd === 'pingreq') send({ cmd: 'pingresp' })
      packets.push(packet)
      untaken.push(packet)
      for (const look of waiting) look()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    current?.destroy()
    server.close()
  })

  const next = (cmd: Packet['cmd']): Promise<never> =>
    new Promise((resolve) => {
      const look = (): void => {
        const index = untaken.findIndex((packet) => packet.cmd === cmd)
        if (index === -1) return
        waiting.delete(look)
        resolve(untaken.splice(index, 1)[0] as never)
      }
      waiting.add(look)
      look()
    })
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    packets,
    next,
    publish: (topic, payload) =>
      void current?.write(generate({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false })),
    cut: () => current?.destroy(),
  }
}
