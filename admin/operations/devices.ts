import { z } from 'zod'
import { OWN_TOPICS_ONLY } from '../../registry/index.ts'
import {
  accessAnswer,
  accessOf,
  deviceAnswer,
  deviceFilter,
  deviceSecret,
  filterOf,
  keyFilter,
  networks,
  overlapSeconds,
  revealed,
  shown,
  tag,
} from './device-schemas.ts'
import { operation } from './operation.ts'

/** The longest page of devices: about 2 MB of JSON. */
export const MAX_DEVICES_PER_PAGE = 1000

const device = z.string().meta({ description: 'The device ID or the manufacturer ID.' })

const deviceRequest = z.strictObject({ device })

const forSeconds = z.int().positive()

export const deviceOperations = {
  listDevices: operation({
    summary:
      'List devices in the order they registered; by their manufacturer IDs when their beginning or one is asked for. A page may hold fewer than asked for and not be the last.',
    route: { method: 'GET', path: '/devices' },
    role: 'viewer',
    request: z.strictObject({
      limit: z.int().min(1).max(MAX_DEVICES_PER_PAGE).default(100),
      after: z.string().exactOptional().meta({ description: 'The `next` of the page before.' }),
      ...deviceFilter,
    }),
    answer: z.object({
      devices: z.array(deviceAnswer).readonly(),
      next: z
        .string()
        .exactOptional()
        .meta({ description: 'Where the next page begins: pass it as `after`. Absent on the last page.' }),
    }),
    async call({ registry, presence }, { limit, after, ...filter }) {
      const page = await registry.devices.list({
        filter: filterOf(filter),
        limit,
        ...(after === undefined ? {} : { after }),
      })
      return { ...page, devices: page.devices.map((one) => shown(one, presence === undefined ? {} : { presence })) }
    },
  }),

  getDevice: operation({
    summary: 'Show a device and what its access key may do.',
    route: { method: 'GET', path: '/devices/{device}' },
    role: 'viewer',
    request: deviceRequest,
    answer: deviceAnswer.extend({ access: accessAnswer.exactOptional() }),
    async call(parts, request) {
      const { devices } = parts.registry
      const found = devices.get(request.device)
      return { ...shown(found, parts), access: accessOf(devices.keyOf(found), new Date()) }
    },
  }),

  createDevice: operation({
    summary: 'Put in a device by hand, without a token and whoever may register. Its secret is shown this once.',
    route: { method: 'POST', path: '/devices' },
    role: 'operator',
    request: z.strictObject({
      manufacturerId: z.string(),
      recipe: z.string().exactOptional().meta({ description: 'What it starts with; as configured when absent.' }),
      tags: z.array(tag).exactOptional(),
    }),
    answer: deviceSecret,
    call: async ({ registry }, { tags = [], ...request }) =>
      revealed(await registry.createDevice({ ...request, tags })),
  }),

  disableDevice: operation({
    summary: 'End the connection of a device and refuse its logins until it is enabled again.',
    route: { method: 'POST', path: '/devices/{device}/disable' },
    role: 'operator',
    request: deviceRequest,
    answer: deviceAnswer,
    call: ({ registry }, request) => registry.devices.change(request.device, { kind: 'disable' }),
  }),

  enableDevice: operation({
    summary: 'Let a disabled device log in again.',
    route: { method: 'POST', path: '/devices/{device}/enable' },
    role: 'operator',
    request: deviceRequest,
    answer: deviceAnswer,
    call: ({ registry }, request) => registry.devices.change(request.device, { kind: 'enable' }),
  }),

  quarantineDevice: operation({
    summary: 'Let a device hear its commands and do nothing else; its connection ends, and it may come back.',
    route: { method: 'POST', path: '/devices/{device}/quarantine' },
    role: 'operator',
    request: deviceRequest,
    answer: deviceAnswer,
    call: ({ registry }, request) => registry.devices.change(request.device, { kind: 'quarantine' }),
  }),

  releaseDevice: operation({
    summary: 'End the quarantine of a device.',
    route: { method: 'POST', path: '/devices/{device}/release' },
    role: 'operator',
    request: deviceRequest,
    answer: deviceAnswer,
    call: ({ registry }, request) => registry.devices.change(request.device, { kind: 'release' }),
  }),

  disconnectDevice: operation({
    summary: 'End the connection of a device; it may come back at once.',
    route: { method: 'POST', path: '/devices/{device}/disconnect' },
    role: 'operator',
    request: deviceRequest,
    answer: deviceAnswer,
    call: async ({ registry }, request) => registry.devices.disconnect(request.device),
  }),

  rotateDevice: operation({
    summary: 'Give a device a new access secret; the old one stops working, at once or after a time.',
    route: { method: 'POST', path: '/devices/{device}/rotate' },
    role: 'operator',
    request: z.strictObject({ device, overlapSeconds }),
    answer: deviceSecret,
    async call({ registry }, { device: id, overlapSeconds: seconds }) {
      return revealed(await registry.devices.rotate(id, seconds === undefined ? undefined : seconds * 1000))
    },
  }),

  tagDevice: operation({
    summary: 'Set and remove tags of a device.',
    route: { method: 'PATCH', path: '/devices/{device}/tags' },
    role: 'operator',
    request: z.strictObject({
      device,
      set: z.array(tag).exactOptional().meta({ description: 'Each takes the place of all tags with its key.' }),
      remove: z.array(z.string()).exactOptional().meta({ description: 'Keys.' }),
    }),
    answer: deviceAnswer,
    call: ({ registry }, { device: id, set = [], remove = [] }) =>
      registry.devices.change(id, { kind: 'tag', set, remove }),
  }),

  restrictDevice: operation({
    summary:
      'Say which topics the access key of a device reaches and where it may log in from; what is absent stays. Its connection ends, and it may come back.',
    route: { method: 'PATCH', path: '/devices/{device}/access' },
    role: 'operator',
    request: z.strictObject({
      device,
      filterType: keyFilter.filterType.exactOptional(),
      pubTopics: keyFilter.pubTopics.exactOptional(),
      subTopics: keyFilter.subTopics.exactOptional(),
      addresses: networks.exactOptional(),
    }),
    answer: accessAnswer,
    async call({ registry }, { device: id, filterType, pubTopics, subTopics, addresses }) {
      const { devices } = registry
      const isFilter = filterType !== undefined || pubTopics !== undefined || subTopics !== undefined
      const known = devices.keyOf(devices.get(id)).filter ?? OWN_TOPICS_ONLY
      // The topics of one type mean nothing to another.
      const before = filterType === undefined || filterType === known.filterType ? known : OWN_TOPICS_ONLY
      const filter = {
        filterType: filterType ?? before.filterType,
        pubTopics: pubTopics ?? before.pubTopics,
        subTopics: subTopics ?? before.subTopics,
      }
      const changed = await devices.change(id, {
        kind: 'restrict',
        ...(isFilter ? { filter } : {}),
        ...(addresses === undefined ? {} : { addresses }),
      })
      return accessOf(devices.keyOf(changed), new Date())
    },
  }),

  readmitDevice: operation({
    summary: 'Let a device register again for a while, until it has logged in with what it got. It keeps its ID.',
    route: { method: 'POST', path: '/devices/{device}/readmit' },
    role: 'operator',
    request: z.strictObject({ ...deviceRequest.shape, forSeconds }),
    answer: deviceAnswer,
    call: ({ registry }, request) => registry.readmitDevice(request.device, request.forSeconds),
  }),

  readmitDevices: operation({
    summary: 'The same for every device with a tag.',
    route: { method: 'POST', path: '/devices/readmit' },
    role: 'operator',
    request: z.strictObject({ tag: z.strictObject({ key: z.string(), value: z.string() }), forSeconds }),
    answer: z.object({ readmitted: z.int() }),
    detail: ({ tag: { key, value } }) => `tag ${key}=${value}`,
    count: ({ readmitted }) => readmitted,
    async call({ registry }, request) {
      return { readmitted: await registry.readmitDevices(request.tag, request.forSeconds) }
    },
  }),

  deleteDevice: operation({
    summary: 'Forget a device; its manufacturer ID can register again. The answer is the device as it was.',
    route: { method: 'DELETE', path: '/devices/{device}' },
    role: 'operator',
    request: deviceRequest,
    answer: deviceAnswer,
    call: ({ registry }, request) => registry.devices.delete(request.device),
  }),
}
