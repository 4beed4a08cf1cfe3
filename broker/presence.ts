import type { DevicePresence } from '../registry/index.ts'
import type { Connection } from './connection.ts'

/** Of as many devices that left it is remembered when and where from. */
const MOST_REMEMBERED = 100_000

interface Departure {
  readonly address: string
  readonly transport: Connection['peer']['transport']
  readonly at: number
}

/** Which devices are connected, and since when the others are not: since the start of this process. */
export class Presences {
  readonly #connected: (clientId: string) => Connection | undefined
  /** In the order of leaving: the first is the one to give up. */
  readonly #left = new Map<string, Departure>()

  constructor(connected: (clientId: string) => Connection | undefined) {
    this.#connected = connected
  }

  entered(connection: Connection): void {
    connection.since = Date.now()
    if (connection.id !== null) this.#left.delete(connection.id)
  }

  left({ id, principal, peer: { address, transport } }: Connection): void {
    if (id === null || principal?.kind !== 'device') return
    this.#left.delete(id)
    this.#left.set(id, { address, transport, at: Date.now() })
    if (this.#left.size <= MOST_REMEMBERED) return
    for (const first of this.#left.keys()) {
      this.#left.delete(first)
      break
    }
  }

  of(clientId: string): DevicePresence | undefined {
    const connection = this.#connected(clientId)
    if (connection !== undefined && !connection.closed) {
      const { peer, since } = connection
      return { connected: true, ...placeOf(peer), since: new Date(since).toISOString() }
    }
    const departure = this.#left.get(clientId)
    if (departure === undefined) return undefined
    return { connected: false, ...placeOf(departure), since: new Date(departure.at).toISOString() }
  }
}

const placeOf = ({ address, transport }: Pick<Departure, 'address' | 'transport'>) => ({ address, transport })
