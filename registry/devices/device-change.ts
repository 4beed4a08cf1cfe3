import { networksProblem } from '../networks.ts'
import type { DeviceKey } from '../access-key.ts'
import type { Device } from '../device.ts'
import { RegistryError } from '../errors.ts'
import { keyFilterProblem, OWN_TOPICS_ONLY, type KeyFilter } from '../key-filter.ts'
import { areSameTags, checkTagChanges, retagged, type TagChanges } from './tags.ts'

/** What an operator can change of a device, by itself or of many at once. */
export type DeviceChange =
  | { readonly kind: 'disable' }
  | { readonly kind: 'enable' }
  /** It may log in and hear its commands, and nothing else. */
  | { readonly kind: 'quarantine' }
  | { readonly kind: 'release' }
  | ({ readonly kind: 'tag' } & TagChanges)
  | ({ readonly kind: 'restrict' } & Restriction)

/** What is absent stays. */
interface Restriction {
  readonly filter?: KeyFilter
  readonly addresses?: readonly string[]
}

export interface Changed {
  readonly device: Device
  readonly key: DeviceKey
  /** Whoever is connected with the key was let in under other rules. */
  readonly isCutOff: boolean
}

/** @throws {RegistryError} `ERR_INPUT_INVALID` when it is a change of no device. */
export function checkChange(change: DeviceChange): void {
  if (change.kind === 'tag') return checkTagChanges(change)
  if (change.kind !== 'restrict') return
  const { filter, addresses } = change
  const problem =
    (filter === undefined ? undefined : keyFilterProblem(filter)) ??
    (addresses === undefined ? undefined : networksProblem(addresses))
  if (problem !== undefined) throw new RegistryError('ERR_INPUT_INVALID', problem)
}

/** @returns undefined when the device is like that already. */
export function applied(change: DeviceChange, device: Device, key: DeviceKey): Changed | undefined {
  switch (change.kind) {
    case 'disable':
    case 'enable':
      return disabledOrNot(change.kind === 'disable', device, key)
    case 'quarantine':
    case 'release':
      return quarantinedOrNot(change.kind === 'quarantine', device, key)
    case 'tag':
      return tagged(change, device, key)
    default:
      return restricted(change, device, key)
  }
}

function disabledOrNot(disabled: boolean, device: Device, key: DeviceKey): Changed | undefined {
  if (device.disabled === disabled) return undefined
  return { device: { ...device, disabled }, key: { ...key, disabled }, isCutOff: disabled }
}

function quarantinedOrNot(quarantined: boolean, device: Device, key: DeviceKey): Changed | undefined {
  if ((device.quarantined ?? false) === quarantined) return undefined
  return { device: { ...device, quarantined }, key: { ...key, quarantined }, isCutOff: true }
}

function tagged(change: TagChanges, device: Device, key: DeviceKey): Changed | undefined {
  const tags = retagged(device.tags, change)
  return areSameTags(device.tags, tags) ? undefined : { device: { ...device, tags }, key, isCutOff: false }
}

function restricted(change: Restriction, device: Device, key: DeviceKey): Changed {
  const { filter = key.filter ?? OWN_TOPICS_ONLY, addresses = key.addresses ?? [] } = change
  return { device, key: { ...key, filter, addresses }, isCutOff: true }
}
