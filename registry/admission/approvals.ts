import { ChangeQueue } from '../change-queue.ts'
import { RegistryError } from '../errors.ts'
import { normalised, type Normalisation } from '../manufacturer-id.ts'
import { keepOpen, readNow, type StoreLevel, type WriteOperation } from '../../storage/index.ts'
import { registryRooms as rooms } from '../store-rooms.ts'
import type { StoreWrites } from '../store-writes.ts'
import type { AdmissionRequest } from './admission.ts'

export type ApprovalState = 'waiting' | 'approved' | 'refused'

/** A manufacturer ID that asked to register and nobody knew. */
export interface Approval {
  readonly manufacturerId: string
  readonly state: ApprovalState
  /** ISO 8601, UTC. */
  readonly askedAt: string
  /** When an operator decided. */
  readonly decidedAt?: string
  /** From where it first asked. */
  readonly address: string
  /** The token it first asked with. */
  readonly tokenId?: string
}

/** More than an operator looks through; the token is in every device, and whoever has it can ask under any name. */
export const MAX_WAITING_APPROVALS = 10_000

/** A device that waits for a person need not ask every few seconds. */
const PENDING_RETRY_SECONDS = 60

/**
 * Manufacturer IDs that wait for an operator, and what was decided.
 *
 * approvals: normalised manufacturer ID → approval
 */
export class Approvals {
  readonly #level: StoreLevel
  readonly #writes: StoreWrites
  readonly #normalisation: Normalisation
  readonly #approvals
  #waiting = 0
  /** Whether any was ever kept since the start, or before it: most registries have none. */
  #isUsed = false
  readonly #changes = new ChangeQueue()

  constructor(level: StoreLevel, writes: StoreWrites, normalisation: Normalisation) {
    this.#level = level
    this.#writes = writes
    this.#normalisation = normalisation
    this.#approvals = level.sublevel<string, Approval>(rooms.approvals, { valueEncoding: 'json' })
  }

  /** Resolves when reads can be answered. */
  async open(): Promise<void> {
    await keepOpen(this.#level, [this.#approvals])
    for await (const { state } of this.#approvals.values()) {
      this.#isUsed = true
      if (state === 'waiting') this.#waiting++
    }
  }

  get waiting(): number {
    return this.#waiting
  }

  /**
   * Returns when an operator has approved the manufacturer ID. One that is not known begins to wait.
   *
   * @throws {RegistryError} `ERR_APPROVAL_PENDING`, `ERR_REGISTRATION_REFUSED`.
   */
  async ask(request: AdmissionRequest): Promise<void> {
    const known = this.find(request.manufacturerId)
    if (known?.state === 'approved') return
    if (known?.state === 'refused') throw new RegistryError('ERR_REGISTRATION_REFUSED', 'Registration was refused.')
    if (known === undefined) await this.#changes.run(() => this.#wait(request))
    throw new RegistryError('ERR_APPROVAL_PENDING', 'Device is waiting for approval.', {
      retryAfterSeconds: PENDING_RETRY_SECONDS,
    })
  }

  find(manufacturerId: string): Approval | undefined {
    return readNow(this.#approvals, this.#keyOf(manufacturerId))
  }

  /** In the order of the normalised IDs. `after` is the last manufacturer ID of the page before. */
  async list(page: { state: ApprovalState; limit: number; after?: string }): Promise<Approval[]> {
    const found: Approval[] = []
    const from = page.after === undefined ? {} : { gt: this.#keyOf(page.after) }
    for await (const approval of this.#approvals.values(from)) {
      if (approval.state === page.state) found.push(approval)
      if (found.length >= page.limit) break
    }
    return found
  }

  /** @throws {RegistryError} `ERR_NOT_FOUND` when one of them never asked; then nothing is decided. */
  decide(manufacturerIds: readonly string[], state: 'approved' | 'refused', now: Date): Promise<Approval[]> {
    return this.#changes.run(async () => {
      const known = manufacturerIds.map((manufacturerId) => {
        const approval = this.find(manufacturerId)
        if (approval !== undefined) return approval
        throw new RegistryError('ERR_NOT_FOUND', `${JSON.stringify(manufacturerId)} has not asked to register.`)
      })
      return await this.#decide(known, state, now)
    })
  }

  /** Decides about everyone who waits. */
  decideAll(state: 'approved' | 'refused', now: Date): Promise<Approval[]> {
    return this.#changes.run(async () => {
      const waiting = await this.list({ state: 'waiting', limit: MAX_WAITING_APPROVALS })
      return await this.#decide(waiting, state, now)
    })
  }

  /** The device has registered. When this is lost, an approval that serves nothing stays behind. */
  used(manufacturerId: string): void {
    if (!this.#isUsed || this.find(manufacturerId) === undefined) return
    const forget = this.#changes.run(async () => {
      await this.#writes.write([{ type: 'del', sublevel: this.#approvals, key: this.#keyOf(manufacturerId) }])
    })
    forget.catch(() => {})
  }

  async #wait({ manufacturerId, address, tokenId, now }: AdmissionRequest): Promise<void> {
    if (this.#waiting >= MAX_WAITING_APPROVALS || this.find(manufacturerId) !== undefined) return
    await this.#put([
      {
        manufacturerId,
        state: 'waiting',
        askedAt: now.toISOString(),
        address,
        ...(tokenId === undefined ? {} : { tokenId }),
      },
    ])
    this.#waiting++
  }

  async #decide(known: readonly Approval[], state: 'approved' | 'refused', now: Date): Promise<Approval[]> {
    const decided = known.map((approval): Approval => ({ ...approval, state, decidedAt: now.toISOString() }))
    await this.#put(decided)
    this.#waiting -= new Set(
      known.filter((one) => one.state === 'waiting').map((one) => this.#keyOf(one.manufacturerId)),
    ).size
    return decided
  }

  async #put(approvals: readonly Approval[]): Promise<void> {
    this.#isUsed = true
    await this.#writes.write(
      approvals.map((value): WriteOperation => ({
        type: 'put',
        sublevel: this.#approvals,
        key: this.#keyOf(value.manufacturerId),
        value,
        valueEncoding: 'json',
      })),
    )
  }

  #keyOf(manufacturerId: string): string {
    return normalised(manufacturerId, this.#normalisation)
  }
}
