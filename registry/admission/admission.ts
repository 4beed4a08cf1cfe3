import type { Tag } from '../device.ts'
import { RegistryError } from '../errors.ts'
import type { AllowList } from './allow-list.ts'
import type { Approvals } from './approvals.ts'

/** Who may register, once the token has been believed. */
export const REGISTRATION_MODES = ['open', 'allowlist', 'approve', 'webhook'] as const

export type RegistrationMode = (typeof REGISTRATION_MODES)[number]

export interface AdmissionRequest {
  readonly manufacturerId: string
  /** `jti` of the registration token, when it has one. */
  readonly tokenId?: string
  /** IP address of the caller, without a port. */
  readonly address: string
  readonly now: Date
}

/** What the device gets beside its recipe. */
export interface Admitted {
  readonly tags: readonly Tag[]
}

/**
 * The operator's own decision, asked over the network by whoever implements this.
 *
 * @throws {RegistryError} `ERR_REGISTRATION_REFUSED`, or `ERR_ADMISSION_UNDECIDED` when nobody could be asked.
 */
export interface AdmissionWebhook {
  decide(request: AdmissionRequest): Promise<Admitted>
}

const NOTHING_MORE: Admitted = { tags: [] }

/** Decides by the mode whether a manufacturer ID that is not taken may become a device. */
export class Admission {
  readonly #mode: RegistrationMode
  readonly #allowList: Pick<AllowList, 'find'>
  readonly #approvals: Pick<Approvals, 'ask' | 'used'>
  #webhook: AdmissionWebhook | undefined

  constructor(parts: {
    mode: RegistrationMode
    allowList: Pick<AllowList, 'find'>
    approvals: Pick<Approvals, 'ask' | 'used'>
  }) {
    this.#mode = parts.mode
    this.#allowList = parts.allowList
    this.#approvals = parts.approvals
  }

  get mode(): RegistrationMode {
    return this.#mode
  }

  /** Until this was called, mode `webhook` admits nobody. */
  askThrough(webhook: AdmissionWebhook): void {
    this.#webhook = webhook
  }

  /**
   * @param mode - of the token, when it has one of its own.
   * @throws {RegistryError} `ERR_NOT_IN_ALLOW_LIST`, `ERR_APPROVAL_PENDING`, `ERR_REGISTRATION_REFUSED`,
   * `ERR_ADMISSION_UNDECIDED`, `ERR_STORE_UNAVAILABLE`.
   */
  async decide(request: AdmissionRequest, mode: RegistrationMode = this.#mode): Promise<Admitted> {
    if (mode === 'allowlist') return this.#expected(request)
    if (mode === 'approve') await this.#approvals.ask(request)
    if (mode === 'webhook') return await this.#askWebhook(request)
    return NOTHING_MORE
  }

  /** The device is there: what was decided for it once needs no memory. */
  registered(manufacturerId: string): void {
    this.#approvals.used(manufacturerId)
  }

  async #askWebhook(request: AdmissionRequest): Promise<Admitted> {
    if (this.#webhook === undefined) throw undecided('No webhook is configured.')
    return await this.#webhook.decide(request)
  }

  #expected({ manufacturerId }: AdmissionRequest): Admitted {
    const entry = this.#allowList.find(manufacturerId)
    if (entry === undefined) throw new RegistryError('ERR_NOT_IN_ALLOW_LIST', 'Device is not in the allow-list.')
    return { tags: entry.tags }
  }
}

/** Devices ask again after this long. */
const UNDECIDED_RETRY_SECONDS = 30

export const undecided = (cause: unknown): RegistryError =>
  new RegistryError('ERR_ADMISSION_UNDECIDED', 'Registration cannot be decided at present.', {
    cause,
    retryAfterSeconds: UNDECIDED_RETRY_SECONDS,
  })
