import { chunksOf, keepOpen } from '../../storage/index.ts'
import { mintedAt, type DeviceId } from '../device.ts'
import type { StoreWrites } from '../store-writes.ts'
import type { StoreLevel, WriteOperation } from '../../storage/index.ts'
import type { TokenRecord } from './token.ts'

/** One device that a token made. */
export interface TokenDevice {
  readonly deviceId: DeviceId
  readonly at: Date
  /** From where it registered. */
  readonly address: string
}

export const TOKEN_ROOMS = { tokens: 'tokens', uses: 'token-devices' } as const

/** Under which it is kept that a token made a device. */
export const useKey = (tokenId: string, deviceId: DeviceId): string => `${tokenId}/${deviceId}`

const AT_ONCE = 10_000

/**
 * Token records, and the devices that each token made. A use of a token is a key, written with the device in one batch and
 * taken out with it when that batch failed: what a token has spent is what is there, whatever happened in between.
 *
 * tokens: token ID → record · token-devices: token ID `/` device ID → address
 */
export class TokenStore {
  readonly #level: StoreLevel
  readonly #writes: StoreWrites
  readonly #tokens
  readonly #devices

  constructor(level: StoreLevel, writes: StoreWrites) {
    this.#level = level
    this.#writes = writes
    this.#tokens = level.sublevel<string, TokenRecord>(TOKEN_ROOMS.tokens, { valueEncoding: 'json' })
    this.#devices = level.sublevel(TOKEN_ROOMS.uses)
  }

  /** Resolves with all records when reads can be answered. */
  async open(): Promise<TokenRecord[]> {
    await keepOpen(this.#level, [this.#tokens, this.#devices])
    return await this.#tokens.values().all()
  }

  async put(record: TokenRecord): Promise<void> {
    await this.#writes.write([
      { type: 'put', sublevel: this.#tokens, key: record.id, value: record, valueEncoding: 'json' },
    ])
  }

  /** A use of the token, to be written with its device. */
  use(tokenId: string, deviceId: DeviceId, address: string): WriteOperation {
    return { type: 'put', sublevel: this.#devices, key: useKey(tokenId, deviceId), value: address }
  }

  /** The use never was. */
  unuse(tokenId: string, deviceId: DeviceId): WriteOperation {
    return { type: 'del', sublevel: this.#devices, key: useKey(tokenId, deviceId) }
  }

  /** The devices that a token made, deleted ones too, in the order they registered. */
  async *devicesOf(tokenId: string): AsyncGenerator<TokenDevice> {
    // '0' follows '/' in ASCII.
    const entries = this.#devices.iterator({ gt: `${tokenId}/`, lt: `${tokenId}0` })
    for await (const some of chunksOf(entries, AT_ONCE)) {
      for (const [key, address] of some) {
        const deviceId = key.slice(tokenId.length + 1)
        yield { deviceId, at: mintedAt(deviceId), address }
      }
    }
  }
}
