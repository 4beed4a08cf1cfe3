import { z } from 'zod'
import {
  ATTRIBUTE_DATA_TYPES,
  DEVICE_STATES,
  FILTER_TYPES,
  LONGEST_OVERLAP_MS,
  type Device,
  type DeviceCredentials,
  type DeviceFilter,
  type DeviceKey,
} from '../../registry/index.ts'
import type { OperatorParts } from './operation.ts'

export const tag = z.strictObject({ key: z.string(), value: z.string() })

const topicFilters = z.array(z.string())

export const networks = z
  .array(z.string())
  .meta({ description: 'Networks that it may log in from, such as 10.0.0.0/8; empty: from anywhere.' })

export const keyFilter = {
  filterType: z.enum(FILTER_TYPES).meta({
    description:
      "`none`: the device's own topics; `all`: those beyond the topic root too; `whitelist`: of those, the ones listed; `blacklist`: all but those listed.",
  }),
  pubTopics: topicFilters.meta({ description: 'Topic filters, for what it publishes.' }),
  subTopics: topicFilters.meta({ description: 'Topic filters, for what it subscribes to.' }),
}

export const overlapSeconds = z
  .int()
  .min(0)
  .max(Math.floor(LONGEST_OVERLAP_MS / 1000))
  .exactOptional()
  .meta({ description: 'How long the old secret stays valid; as configured when absent.' })

/** Which devices are meant: everything that is said must be true of them. */
export const deviceFilter = {
  state: z.enum(DEVICE_STATES).exactOptional(),
  tag: z.string().exactOptional().meta({ description: 'key=value' }),
  token: z.string().exactOptional().meta({ description: 'ID of the registration token that they registered with.' }),
  prefix: z.string().min(1).exactOptional().meta({ description: 'How their manufacturer IDs begin.' }),
  since: z.iso
    .datetime({ offset: true })
    .exactOptional()
    .meta({ description: 'When they registered, at the earliest.' }),
}

export type DeviceFilterRequest = z.output<z.ZodObject<typeof deviceFilter>>

export function filterOf({ state, tag: text, token, prefix, since }: DeviceFilterRequest): DeviceFilter {
  return {
    ...(state === undefined ? {} : { state }),
    ...(text === undefined ? {} : { tag: tagOf(text) }),
    ...(token === undefined ? {} : { tokenId: token }),
    ...(prefix === undefined ? {} : { manufacturerIdPrefix: prefix }),
    ...(since === undefined ? {} : { registeredSince: new Date(since) }),
  }
}

/** Without a value it is the tag with an empty one. */
function tagOf(text: string): z.output<typeof tag> {
  const at = text.indexOf('=')
  return at === -1 ? { key: text, value: '' } : { key: text.slice(0, at), value: text.slice(at + 1) }
}

const connection = z
  .object({
    connected: z.boolean(),
    address: z.string(),
    transport: z.string(),
    since: z.iso.datetime().meta({ description: 'When it logged in, or when it left.' }),
  })
  .readonly()
  .meta({ id: 'DeviceConnection', description: 'Absent when the device was not seen since the server started.' })

export const deviceAnswer = z
  .object({
    id: z.string(),
    manufacturerId: z.string(),
    name: z.string(),
    deviceClass: z.string(),
    description: z.string(),
    tags: z.array(tag).readonly(),
    attributes: z.array(z.object({ name: z.string(), dataType: z.enum(ATTRIBUTE_DATA_TYPES) })).readonly(),
    registeredAt: z.iso.datetime(),
    disabled: z.boolean(),
    quarantined: z
      .boolean()
      .exactOptional()
      .meta({ description: 'It may log in and hear its commands, and nothing else.' }),
    tokenId: z.string().exactOptional().meta({ description: 'The registration token it registered with.' }),
    registeredFrom: z.string().exactOptional().meta({ description: 'IP address it registered from.' }),
    connection: connection.exactOptional(),
  })
  .meta({ id: 'Device' })

export type DeviceAnswer = z.output<typeof deviceAnswer>

export const accessAnswer = z
  .object({
    accessKey: z.string(),
    filterType: z.enum(FILTER_TYPES),
    pubTopics: topicFilters.readonly(),
    subTopics: topicFilters.readonly(),
    addresses: z.array(z.string()).readonly(),
    previousSecretUntil: z.iso
      .datetime()
      .exactOptional()
      .meta({ description: 'The secret before this one is valid until then.' }),
  })
  .meta({ id: 'DeviceAccess' })

export const deviceSecret = z
  .object({ deviceId: z.string(), accessKey: z.string(), accessSecret: z.string() })
  .meta({ id: 'DeviceSecret', description: 'The secret is shown this once; only a hash of it is kept.' })

/** A device as an operator sees it. */
export function shown(device: Device, { presence }: Pick<OperatorParts, 'presence'>): DeviceAnswer {
  const seen = presence?.(device.id)
  return seen === undefined ? device : { ...device, connection: seen }
}

export function accessOf(key: DeviceKey, now: Date): z.output<typeof accessAnswer> {
  const { accessKey, filter, addresses = [], previousSecret } = key
  const { filterType = 'none', pubTopics = [], subTopics = [] } = filter ?? {}
  const overlaps = previousSecret !== undefined && now < new Date(previousSecret.until)
  return {
    accessKey,
    filterType,
    pubTopics,
    subTopics,
    addresses,
    ...(overlaps ? { previousSecretUntil: previousSecret.until } : {}),
  }
}

export const revealed = ({ deviceId, accessKey, accessSecret }: DeviceCredentials): z.output<typeof deviceSecret> => ({
  deviceId,
  accessKey,
  accessSecret: accessSecret.reveal(),
})
