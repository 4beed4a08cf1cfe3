import type { Device, DeviceId } from '../device.ts'
import type { StoreWrites } from '../store-writes.ts'
import type { ComingBack, Permission } from '../tokens/index.ts'
import { keepOpen, readNow, type StoreLevel, type WriteOperation } from '../../storage/index.ts'
import { ReturnPace } from './pace.ts'

/** Why a device that is registered may register again: its policy, or the window that an operator opened. */
export type ReturnReason = Exclude<ComingBack, 'never'>

export const RETURNS_ROOM = 'may-return'

export interface ReturnRecord {
  /** It has not logged in yet with what it was given last. */
  readonly provisional: boolean
  /** End of the window that an operator opened. ISO 8601, UTC. */
  readonly until?: string
}

/**
 * Which devices may come back. Most have no record: one is written with the credentials of a device that may lose them,
 * and taken out at its first login.
 *
 * may-return: device ID → record
 */
export class Returns {
  readonly #level: StoreLevel
  readonly #writes: StoreWrites
  readonly #records
  readonly #pace: ReturnPace

  /** @param elapsedMs - of a clock that never goes back. */
  constructor(level: StoreLevel, writes: StoreWrites, elapsedMs: () => number) {
    this.#pace = new ReturnPace(elapsedMs)
    this.#level = level
    this.#writes = writes
    this.#records = level.sublevel<string, ReturnRecord>(RETURNS_ROOM, { valueEncoding: 'json' })
  }

  /** Resolves when reads can be answered. */
  async open(): Promise<void> {
    await keepOpen(this.#level, [this.#records])
  }

  /** @returns undefined when it may not. */
  reasonFor(device: Device, permission: Permission, now: Date): ReturnReason | undefined {
    if (device.disabled) return undefined
    const record = readNow(this.#records, device.id)
    if (record?.until !== undefined && Date.parse(record.until) > now.getTime()) return 'window'
    // Whoever holds another token has nothing to do with this device.
    if (device.tokenId !== permission.tokenId) return undefined
    if (permission.comingBack === 'always-rotate') return 'always-rotate'
    return permission.comingBack === 'until-first-use' && record?.provisional === true ? 'until-first-use' : undefined
  }

  /** @throws {RegistryError} `ERR_RATE_LIMITED`. */
  takePace(id: DeviceId): void {
    this.#pace.take(id)
  }

  /** For the batch that makes a device: its credentials are provisional where its token says so. */
  operationsOfNew(id: DeviceId, { comingBack }: Permission): WriteOperation[] {
    return comingBack === 'until-first-use' ? [this.#put(id, { provisional: true })] : []
  }

  /** For the batch that gives a device other credentials: the reply may get lost again. */
  operationsOfReturn(id: DeviceId, reason: ReturnReason): WriteOperation[] {
    if (reason === 'always-rotate') return []
    return [this.#put(id, { ...readNow(this.#records, id), provisional: true })]
  }

  operationsOfDeleted(id: DeviceId): WriteOperation[] {
    return [{ type: 'del', sublevel: this.#records, key: id }]
  }

  /** Whether its first login with these credentials is still to be noted. */
  isProvisional(id: DeviceId): boolean {
    return readNow(this.#records, id)?.provisional === true
  }

  /** It has its credentials: nobody can have others in its place any more. A window that was open is used up. */
  async confirm(id: DeviceId): Promise<void> {
    await this.#writes.write(this.operationsOfDeleted(id))
  }

  /** Until then the device may register again, once and until it has logged in with what it got. */
  async openWindow(id: DeviceId, until: Date): Promise<void> {
    const provisional = this.isProvisional(id)
    await this.#writes.write([this.#put(id, { provisional, until: until.toISOString() })])
  }

  #put(id: DeviceId, value: ReturnRecord): WriteOperation {
    return { type: 'put', sublevel: this.#records, key: id, value, valueEncoding: 'json' }
  }
}
