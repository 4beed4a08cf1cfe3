import { z } from 'zod'
import { RegistryError } from '../registry/index.ts'
import type { Operator } from './operator.ts'

/** The longest page of devices: about 2 MB of JSON. */
export const MAX_DEVICES_PER_PAGE = 1000

const nothing = z.strictObject({})

/** Either id of a device: its own or the manufacturer's. */
const device = z.strictObject({ device: z.string() })

const filters = z.array(z.string()).exactOptional()

/**
 * The shape of each request, checked where it arrives from outside the process. What the values mean (is it a topic filter,
 * is there such a device) is the registry's to say, so that it says the same whichever way the request came.
 */
const createToken = z.strictObject({
  url: z.string(),
  mqtt: z.string(),
  expiresInSeconds: z.int().positive().exactOptional(),
  extra: z.record(z.string(), z.string()).exactOptional(),
})
const verifyToken = z.strictObject({ token: z.string() })
const createServiceKey = z.strictObject({
  name: z.string(),
  rules: z.strictObject({ publish: filters, subscribe: filters, deny: filters }),
  secret: z.string().exactOptional(),
})
const deleteServiceKey = z.strictObject({ key: z.string() })
const listDevices = z.strictObject({
  limit: z.int().min(1).max(MAX_DEVICES_PER_PAGE),
  after: z.string().exactOptional(),
})

export type CreateTokenRequest = z.output<typeof createToken>
export type VerifyTokenRequest = z.output<typeof verifyToken>
export type CreateServiceKeyRequest = z.output<typeof createServiceKey>
export type DeleteServiceKeyRequest = z.output<typeof deleteServiceKey>
export type ListDevicesRequest = z.output<typeof listDevices>
export type DeviceRequest = z.output<typeof device>

type Ask = (operator: Operator, body: unknown) => Promise<unknown>

/** Untrusted JSON in; a request that `call` may believe, or `ERR_INPUT_INVALID`. */
function command<S extends z.ZodType>(
  schema: S,
  call: (operator: Operator, request: z.output<S>) => Promise<unknown>,
): Ask {
  return async (operator, body) => {
    const { success, data, error } = schema.safeParse(body)
    if (success) return await call(operator, data)
    throw new RegistryError('ERR_INPUT_INVALID', z.prettifyError(error).replaceAll(/\s+/g, ' '))
  }
}

/** Each method of {@link Operator}, asked with a request of unknown shape. A new method does not compile until it is here. */
export const operatorCommands = {
  createToken: command(createToken, (operator, request) => operator.createToken(request)),
  verifyToken: command(verifyToken, (operator, request) => operator.verifyToken(request)),
  createServiceKey: command(createServiceKey, (operator, request) => operator.createServiceKey(request)),
  listServiceKeys: command(nothing, (operator) => operator.listServiceKeys()),
  deleteServiceKey: command(deleteServiceKey, (operator, request) => operator.deleteServiceKey(request)),
  listDevices: command(listDevices, (operator, request) => operator.listDevices(request)),
  getDevice: command(device, (operator, request) => operator.getDevice(request)),
  disableDevice: command(device, (operator, request) => operator.disableDevice(request)),
  enableDevice: command(device, (operator, request) => operator.enableDevice(request)),
  rotateDevice: command(device, (operator, request) => operator.rotateDevice(request)),
  deleteDevice: command(device, (operator, request) => operator.deleteDevice(request)),
  status: command(nothing, (operator) => operator.status()),
} as const satisfies Record<keyof Operator, Ask>

export type OperatorCommand = keyof typeof operatorCommands

export const isOperatorCommand = (name: string): name is OperatorCommand => Object.hasOwn(operatorCommands, name)
