import { randomUUID } from 'node:crypto'
import type { Attribute, Recipe } from './recipe.ts'

/** 24 lower-case hexadecimal characters. Source: docs/contract.md §1. */
export type DeviceId = string

export interface Tag {
  readonly key: string
  readonly value: string
}

export interface Device {
  readonly id: DeviceId
  /** Exactly as the device sent it; unique among all devices. */
  readonly manufacturerId: string
  readonly name: string
  readonly deviceClass: string
  readonly description: string
  readonly tags: readonly Tag[]
  /** Copied from the recipe at registration; later edits of the recipe do not reach this device. */
  readonly attributes: readonly Attribute[]
  /** ISO 8601, UTC. */
  readonly registeredAt: string
  /** A disabled device keeps everything but cannot log in. */
  readonly disabled: boolean
  /** A quarantined device may log in and hear its commands, and nothing else. */
  readonly quarantined?: boolean
  /** The registration token it registered with; `legacy` for one without an ID. */
  readonly tokenId?: string
  /** IP address it registered from. */
  readonly registeredFrom?: string
}

export const DEVICE_STATES = ['active', 'quarantined', 'disabled'] as const

export type DeviceState = (typeof DEVICE_STATES)[number]

export function stateOf({ disabled, quarantined = false }: Pick<Device, 'disabled' | 'quarantined'>): DeviceState {
  if (disabled) return 'disabled'
  return quarantined ? 'quarantined' : 'active'
}

/** What a device has beside what its recipe gives it. */
export interface DeviceOrigin extends Pick<Device, 'tokenId' | 'registeredFrom'> {
  readonly tags?: readonly Tag[]
}

/** A new device as `recipe` describes it, with what else is known of it. Source: docs/contract.md §1. */
export function newDevice(
  manufacturerId: string,
  recipe: Recipe,
  now: Date,
  { tags = [], ...origin }: DeviceOrigin = {},
): Device {
  return {
    id: mintDeviceId(now),
    manufacturerId,
    name: `${recipe.deviceName} - ${manufacturerId}`,
    deviceClass: recipe.deviceClass,
    description: recipe.description,
    tags: [
      ...recipe.tags,
      ...tags,
      { key: 'manufacturerId', value: manufacturerId },
      { key: 'DeviceRecipe', value: recipe.name },
    ],
    attributes: recipe.attributes.map((attribute) => ({ ...attribute })),
    registeredAt: now.toISOString(),
    disabled: false,
    ...origin,
  }
}

/** Seconds since 1970 in 8 hexadecimal characters, then 64 random bits: listings come out in order of registration. */
function mintDeviceId(now: Date): DeviceId {
  // Node draws UUIDs' random bits for many at once; these are the digits that nothing else is said with [RFC 9562 §5.4].
  const uuid = randomUUID()
  return firstIdSince(now) + uuid.slice(0, 8) + uuid.slice(-8)
}

/** No device that registered at `time` or later has an ID before this text. */
export function firstIdSince(time: Date): string {
  const seconds = Math.max(Math.floor(time.getTime() / 1000), 0) % 2 ** 32
  return seconds.toString(16).padStart(8, '0')
}

/** When a device ID was minted, to the second. */
export const mintedAt = (id: DeviceId): Date => new Date(Number.parseInt(id.slice(0, 8), 16) * 1000)

const DEVICE_ID = /^[0-9a-f]{24}$/

export const isDeviceId = (text: string): boolean => DEVICE_ID.test(text)

const MAX_MANUFACTURER_ID_CHARACTERS = 243

/**
 * Whether a text can be a manufacturer ID: 1–243 Unicode characters, not only white space, no control character, no
 * half of a surrogate pair. Source: docs/contract.md §1.
 */
export function isManufacturerId(text: string): boolean {
  if (text.trim() === '' || /[\p{Cc}\p{Cs}]/u.test(text)) return false
  // Never more characters than UTF-16 units, so the cheap test comes first.
  return text.length <= 2 * MAX_MANUFACTURER_ID_CHARACTERS && Array.from(text).length <= MAX_MANUFACTURER_ID_CHARACTERS
}
