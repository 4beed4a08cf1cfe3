import { z } from 'zod'
import { ATTRIBUTE_DATA_TYPES, type DeviceCredentials } from '../../registry/index.ts'
import { operation } from './operation.ts'

/** The longest page of devices: about 2 MB of JSON. */
export const MAX_DEVICES_PER_PAGE = 1000

const deviceRequest = z.strictObject({
  device: z.string().meta({ description: 'The device ID or the manufacturer ID.' }),
})

export const deviceAnswer = z
  .object({
    id: z.string(),
    manufacturerId: z.string(),
    name: z.string(),
    deviceClass: z.string(),
    description: z.string(),
    tags: z.array(z.object({ key: z.string(), value: z.string() })).readonly(),
    attributes: z.array(z.object({ name: z.string(), dataType: z.enum(ATTRIBUTE_DATA_TYPES) })).readonly(),
    registeredAt: z.iso.datetime(),
    disabled: z.boolean(),
  })
  .meta({ id: 'Device' })

const deviceSecret = z
  .object({ deviceId: z.string(), accessKey: z.string(), accessSecret: z.string() })
  .meta({ id: 'DeviceSecret', description: 'The secret is shown this once; only a hash of it is kept.' })

export const deviceOperations = {
  listDevices: operation({
    summary: 'List devices in the order they registered.',
    route: { method: 'GET', path: '/devices' },
    role: 'viewer',
    request: z.strictObject({
      limit: z.int().min(1).max(MAX_DEVICES_PER_PAGE),
      after: z.string().exactOptional().meta({ description: 'The device after which the page begins.' }),
    }),
    answer: z.object({
      devices: z.array(deviceAnswer).readonly(),
      next: z
        .string()
        .exactOptional()
        .meta({ description: 'Where the next page begins: pass it as `after`. Absent on the last page.' }),
    }),
    async call({ registry }, { limit, after }) {
      // One more than asked for tells whether there is a next page.
      const devices = await registry.listDevices({ limit: limit + 1, ...(after === undefined ? {} : { after }) })
      const page = devices.slice(0, limit)
      const last = page.at(-1)
      return devices.length > limit && last !== undefined ? { devices: page, next: last.id } : { devices: page }
    },
  }),

  getDevice: operation({
    summary: 'Show a device.',
    route: { method: 'GET', path: '/devices/{device}' },
    role: 'viewer',
    request: deviceRequest,
    answer: deviceAnswer,
    call: ({ registry }, { device }) => registry.getDevice(device),
  }),

  disableDevice: operation({
    summary: 'End the connection of a device and refuse its logins until it is enabled again.',
    route: { method: 'POST', path: '/devices/{device}/disable' },
    role: 'operator',
    request: deviceRequest,
    answer: deviceAnswer,
    call: ({ registry }, { device }) => registry.disableDevice(device),
  }),

  enableDevice: operation({
    summary: 'Let a disabled device log in again.',
    route: { method: 'POST', path: '/devices/{device}/enable' },
    role: 'operator',
    request: deviceRequest,
    answer: deviceAnswer,
    call: ({ registry }, { device }) => registry.enableDevice(device),
  }),

  rotateDevice: operation({
    summary: 'Give a device a new access secret; the old one stops working.',
    route: { method: 'POST', path: '/devices/{device}/rotate' },
    role: 'operator',
    request: deviceRequest,
    answer: deviceSecret,
    call: async ({ registry }, { device }) => revealed(await registry.rotateSecret(device)),
  }),

  deleteDevice: operation({
    summary: 'Forget a device; its manufacturer ID can register again. The answer is the device as it was.',
    route: { method: 'DELETE', path: '/devices/{device}' },
    role: 'operator',
    request: deviceRequest,
    answer: deviceAnswer,
    async call({ registry }, { device }) {
      const found = await registry.getDevice(device)
      await registry.deleteDevice(device)
      return found
    },
  }),
}

const revealed = ({ deviceId, accessKey, accessSecret }: DeviceCredentials): z.input<typeof deviceSecret> => ({
  deviceId,
  accessKey,
  accessSecret: accessSecret.reveal(),
})
