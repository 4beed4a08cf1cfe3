import { randomUUID } from 'node:crypto'
import type { DeviceId } from './device.ts'
import type { KeyFilter } from './key-filter.ts'
import { randomText } from './random-text.ts'
import { Secret } from './secret.ts'

/** What the operator's own software may do. Each entry is a topic filter; `deny` wins. */
export interface ServiceRules {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
  readonly deny: readonly string[]
}

interface AccessKeyRecord {
  /** The MQTT user name: a UUID, 36 ASCII characters. */
  readonly accessKey: string
  /** PHC string of argon2id; its parameters travel with it. */
  readonly secretHash: string
  readonly description: string
  /** ISO 8601, UTC. */
  readonly createdAt: string
  readonly disabled: boolean
  /** Networks that it may log in from; empty or absent: from anywhere. */
  readonly addresses?: readonly string[]
}

/** Restricted to one device. */
export interface DeviceKey extends AccessKeyRecord {
  readonly kind: 'device'
  readonly deviceId: DeviceId
  /** As the device is. */
  readonly quarantined?: boolean
  /** What it reaches beside the device's own topics; absent: nothing. */
  readonly filter?: KeyFilter
  /** How often the secret was replaced; absent: never. */
  readonly secretVersion?: number
  /** The secret before this one, which is valid for a time. */
  readonly previousSecret?: PreviousSecret | undefined
}

export interface PreviousSecret {
  readonly secretHash: string
  /** ISO 8601, UTC. */
  readonly until: string
}

/** Not one device's: the operator's own software. */
export interface ServiceKey extends AccessKeyRecord {
  readonly kind: 'service'
  readonly name: string
  readonly rules: ServiceRules
}

export type AccessKey = DeviceKey | ServiceKey

/** Shown once, to the one who asked for them, and never again. */
export interface DeviceCredentials {
  readonly deviceId: DeviceId
  readonly accessKey: string
  readonly accessSecret: Secret
}

export interface ServiceCredentials {
  readonly name: string
  readonly accessKey: string
  readonly accessSecret: Secret
}

/** 36 ASCII characters, the longest that docs/contract.md §1 allows for small clients. */
export const mintAccessKey = (): string => randomUUID()

/** 256 random bits as 64 hexadecimal characters, the longest that docs/contract.md §1 allows. */
export const mintAccessSecret = (): Secret => new Secret(randomText(32, 'hex'))
