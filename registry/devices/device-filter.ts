import { stateOf, type Device, type DeviceState, type Tag } from '../device.ts'

/** Which devices are meant: all that everything said here is true of. */
export interface DeviceFilter {
  readonly state?: DeviceState
  readonly tag?: Tag
  /** The registration token that made them. */
  readonly tokenId?: string
  /** How their manufacturer IDs begin. */
  readonly manufacturerIdPrefix?: string
  readonly registeredSince?: Date
}

/** Its manufacturer ID aside: where that counts, devices are looked for by it. */
export function selects(filter: DeviceFilter, device: Device): boolean {
  const { state, tag, tokenId, registeredSince } = filter
  return (
    (state === undefined || stateOf(device) === state) &&
    (tokenId === undefined || device.tokenId === tokenId) &&
    (registeredSince === undefined || new Date(device.registeredAt) >= registeredSince) &&
    (tag === undefined || device.tags.some(({ key, value }) => key === tag.key && value === tag.value))
  )
}

/** The tag that every device has with a value of its own; it is found by its manufacturer ID instead. */
const MANUFACTURER_ID_TAG = 'manufacturerId'

/** Under what a device is found in the index. Most devices are active, so that is no way to find one. */
export function facetsOf(device: Device): string[] {
  const state = stateOf(device)
  return [
    ...(state === 'active' ? [] : [stateFacet(state)]),
    ...(device.tokenId === undefined ? [] : [tokenFacet(device.tokenId)]),
    ...new Set(device.tags.filter(({ key }) => key !== MANUFACTURER_ID_TAG).map(tagFacet)),
  ]
}

/** Under all of which the devices of a filter are in the index. None: the index does not help. */
export const facetsWanted = ({ state, tag, tokenId }: DeviceFilter): string[] => [
  ...(state === undefined || state === 'active' ? [] : [stateFacet(state)]),
  ...(tokenId === undefined ? [] : [tokenFacet(tokenId)]),
  ...(tag === undefined || tag.key === MANUFACTURER_ID_TAG ? [] : [tagFacet(tag)]),
]

/** How the manufacturer IDs that a filter wants begin, when it says so in either way. */
export const prefixWanted = ({ manufacturerIdPrefix, tag }: DeviceFilter): string | undefined =>
  manufacturerIdPrefix ?? (tag?.key === MANUFACTURER_ID_TAG ? tag.value : undefined)

const stateFacet = (state: DeviceState): string => facet(['state', state])
const tokenFacet = (tokenId: string): string => facet(['token', tokenId])
const tagFacet = ({ key, value }: Tag): string => facet(['tag', key, value])

/** ASCII, and none is the beginning of another: JSON ends with the bracket that it begins with. */
const facet = (words: readonly string[]): string =>
  JSON.stringify(words).replaceAll(
    /[^\u0020-\u007e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
