import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runMooring, startMooring } from './brokers/mooring.ts'
import { runRegload } from './load-generators.ts'
import { newPath } from './bench.ts'

/** How many clients share the one service key, each under a client ID of its own. */
const SERVICE_CLIENTS = 100

/**
 * The devices and the service key that every contestant knows. They are made by Mooring itself: registered over HTTP,
 * created with its CLI. The files hold lines of `client-id user password`.
 */
export class Fleet {
  readonly data: string
  readonly devices: string
  readonly services: string
  readonly tokenFile: string
  readonly #folder: string
  #size = 0

  private constructor(folder: string) {
    this.#folder = folder
    this.data = join(folder, 'mooring-data')
    this.devices = join(folder, 'devices.txt')
    this.services = join(folder, 'services.txt')
    this.tokenFile = join(folder, 'token.jwt')
  }

  static async create(folder: string): Promise<Fleet> {
    const fleet = new Fleet(folder)
    const { token } = jsonOf(await runMooring(['token', 'create', '--data', fleet.data, '--json']))
    writeFileSync(fleet.tokenFile, String(token), { mode: 0o600 })
    const key = jsonOf(await runMooring(['key', 'create', '--service', 'bench', '--data', fleet.data, '--json']))
    const lines = Array.from(
      { length: SERVICE_CLIENTS },
      (_, index) => `service-${index} ${String(key['accessKey'])} ${String(key['accessSecret'])}\n`,
    )
    writeFileSync(fleet.services, lines.join(''), { mode: 0o600 })
    writeFileSync(fleet.devices, '', { mode: 0o600 })
    return fleet
  }

  /** Registers devices until there are at least `count`. Mooring must not be running on the fleet's folder. */
  async grow(count: number): Promise<void> {
    if (count <= this.#size) return
    const server = await startMooring({ data: this.data, folder: this.#folder })
    const made = newPath(this.#folder, 'registered')
    try {
      await runRegload({
        port: server.httpPort,
        'token-file': this.tokenFile,
        prefix: `fleet-${this.#size}-`,
        n: count - this.#size,
        'creds-out': made,
      })
    } finally {
      await server.stop()
    }
    appendFileSync(this.devices, readFileSync(made))
    this.#size = lineCount(this.devices)
  }

  /** The first `count` devices, for a contestant that does something costly for each. */
  firstDevices(count: number): string {
    const path = join(this.#folder, `first-${count}-devices.txt`)
    if (!existsSync(path)) {
      const lines = readFileSync(this.devices, 'utf8').split('\n').slice(0, count)
      writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 })
    }
    return path
  }
}

const jsonOf = (text: string): Record<string, unknown> => Object(JSON.parse(text))

const lineCount = (path: string): number => readFileSync(path, 'utf8').split('\n').length - 1
