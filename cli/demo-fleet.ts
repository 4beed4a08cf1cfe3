import { performance } from 'node:perf_hooks'
import type { MqttClient } from 'mqtt'
import type { Stop } from './stop.ts'

export const MESSAGES_EACH_WAY = 10

export interface DeviceReport {
  readonly manufacturerId: string
  readonly deviceId: string
  /** From the first byte to CONNACK, in whole milliseconds. */
  readonly connectMs: number
  /** State reports of the device that its operator's software received. */
  readonly published: number
  /** Commands that the device received. */
  readonly received: number
}

interface FleetParts {
  readonly stop: Stop
  /** Where devices register. */
  readonly url: string
  readonly token: string
  readonly topicRoot: string
  /** The operator's software, logged in with a service key. */
  readonly service: MqttClient
  readonly connect: (clientId: string, accessKey: string, accessSecret: string) => Promise<MqttClient>
}

/** The sample devices of the demo, and the software they talk with. Source: docs/contract.md §1 and §5. */
export class DemoFleet {
  readonly #parts: FleetParts

  private constructor(parts: FleetParts) {
    this.#parts = parts
  }

  static async open(parts: FleetParts): Promise<DemoFleet> {
    await parts.stop.orElse(parts.service.subscribeAsync(`${parts.topicRoot}/+/state`, { qos: 1 }))
    return new DemoFleet(parts)
  }

  async register(manufacturerId: string): Promise<{ status: number; body: Record<string, unknown> }> {
    const { stop, url, token } = this.#parts
    const response = await stop.orElse(
      fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ token, manufacturerId }),
      }),
    )
    const body: Record<string, unknown> = Object(await stop.orElse(response.json()))
    return { status: response.status, body }
  }

  /** Registers a device, connects it, and lets it and the operator's software talk to each other. */
  async runDevice(manufacturerId: string): Promise<DeviceReport> {
    const { stop, topicRoot, service, connect } = this.#parts
    stop.step = `register ${manufacturerId}`
    const { status, body } = await this.register(manufacturerId)
    if (status !== 200) throw new Error(`${status} ${String(body['error'])}`)
    const { deviceId, accessKey, accessSecret } = body
    if (typeof deviceId !== 'string' || typeof accessKey !== 'string' || typeof accessSecret !== 'string') {
      throw new Error('the answer holds no credentials')
    }

    stop.step = `connect ${manufacturerId}`
    const from = performance.now()
    const device = await connect(deviceId, accessKey, accessSecret)
    const connectMs = Math.round(performance.now() - from)

    stop.step = `exchange messages with ${manufacturerId}`
    const [stateTopic, commandTopic] = [`${topicRoot}/${deviceId}/state`, `${topicRoot}/${deviceId}/command`]
    await stop.orElse(device.subscribeAsync(commandTopic, { qos: 1 }))
    const states = arrivals(service, stateTopic)
    const commands = arrivals(device, commandTopic)
    for (let index = 0; index < MESSAGES_EACH_WAY; index++) {
      const state = { data: { rpm: 1500 + index } }
      const command = { name: 'setSpeed', time: { $date: new Date().toISOString() }, payload: { rpm: 1500 + index } }
      await stop.orElse(device.publishAsync(stateTopic, JSON.stringify(state), { qos: 1 }))
      await stop.orElse(service.publishAsync(commandTopic, JSON.stringify(command), { qos: 1 }))
    }
    const [published, received] = await stop.orElse(Promise.all([states, commands]))
    return { manufacturerId, deviceId, connectMs, published, received }
  }
}

/** Waits until as many messages as are sent have come in on `topic`. @returns how many came. */
function arrivals(client: MqttClient, topic: string): Promise<number> {
  return new Promise((resolve) => {
    let count = 0
    const onMessage = (arrived: string): void => {
      if (arrived !== topic) return
      count++
      if (count < MESSAGES_EACH_WAY) return
      client.off('message', onMessage)
      resolve(count)
    }
    client.on('message', onMessage)
  })
}
