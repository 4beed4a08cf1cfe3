import { decodeProtectedHeader, type JWTPayload, type ProtectedHeaderParameters } from 'jose'
import {
  MAX_TOKEN_BYTES,
  RegistryError,
  type Device,
  type DeviceCredentials,
  type DeviceId,
  type Registry,
  type ServiceKey,
} from '../registry/index.ts'
import type {
  CreateServiceKeyRequest,
  CreateTokenRequest,
  DeleteServiceKeyRequest,
  DeviceRequest,
  ListDevicesRequest,
  VerifyTokenRequest,
} from './operator-requests.ts'

/**
 * Everything an operator can ask of a store or of the server that holds it. Requests and answers are plain JSON, so that
 * the same surface works in the process and over the admin socket. A secret is in the clear in exactly two answers,
 * those of `createServiceKey` and `rotateDevice`, where it is shown for the only time.
 *
 * Every method rejects with a {@link RegistryError} when the request is refused.
 */
export interface Operator {
  createToken(request: CreateTokenRequest): Promise<TokenAnswer>
  /** A token that does not hold is an answer here, not an error: the operator is told why. */
  verifyToken(request: VerifyTokenRequest): Promise<TokenVerdict>

  createServiceKey(request: CreateServiceKeyRequest): Promise<ServiceKeyCredentials>
  listServiceKeys(): Promise<{ readonly keys: readonly ServiceKeySummary[] }>
  deleteServiceKey(request: DeleteServiceKeyRequest): Promise<{ readonly deleted: string }>

  listDevices(request: ListDevicesRequest): Promise<DevicePage>
  getDevice(request: DeviceRequest): Promise<Device>
  disableDevice(request: DeviceRequest): Promise<Device>
  enableDevice(request: DeviceRequest): Promise<Device>
  rotateDevice(request: DeviceRequest): Promise<DeviceSecret>
  /** Answers with the device as it was. */
  deleteDevice(request: DeviceRequest): Promise<Device>

  status(): Promise<ServerStatus>
}

export interface TokenAnswer {
  readonly token: string
  readonly payload: JWTPayload
}

export type TokenVerdict =
  | { readonly accepted: true; readonly header: ProtectedHeaderParameters; readonly payload: JWTPayload }
  | { readonly accepted: false; readonly reason: string }

export interface ServiceKeyCredentials {
  readonly name: string
  readonly accessKey: string
  readonly accessSecret: string
}

/** A service key without the hash of its secret. */
export type ServiceKeySummary = Pick<ServiceKey, 'name' | 'accessKey' | 'rules' | 'createdAt' | 'disabled'>

export interface DeviceSecret {
  readonly deviceId: DeviceId
  readonly accessKey: string
  readonly accessSecret: string
}

export interface DevicePage {
  readonly devices: readonly Device[]
  /** Where the next page begins: pass it as `after`. Absent on the last page. */
  readonly next?: DeviceId
}

export interface ServerStatus {
  readonly version: string
  /** Version of Node.js, without the `v`. */
  readonly node: string
  readonly pid: number
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly uptimeSeconds: number
  /** Absolute path of the data folder. */
  readonly data: string
  readonly connectedClients: number
  /** `host:port` of every listener that is on, by its name in the configuration. */
  readonly listeners: Readonly<Record<string, string>>
}

export type OperatorRegistry = Pick<
  Registry,
  | 'issueToken'
  | 'verifyToken'
  | 'createServiceKey'
  | 'listServiceKeys'
  | 'deleteServiceKey'
  | 'listDevices'
  | 'getDevice'
  | 'disableDevice'
  | 'enableDevice'
  | 'rotateSecret'
  | 'deleteDevice'
>

/** @param parts.status - facts about the running server; asked anew each time. */
export function createOperator(parts: { registry: OperatorRegistry; status: () => ServerStatus }): Operator {
  const { registry, status } = parts
  return {
    async createToken(claims) {
      const token = await registry.issueToken(claims)
      // A device would be refused with it, and nobody would look for the reason here.
      if (token.length > MAX_TOKEN_BYTES) {
        throw new RegistryError(
          'ERR_INPUT_INVALID',
          `The token would have ${token.length} bytes; devices may send at most ${MAX_TOKEN_BYTES}.`,
        )
      }
      return { token, payload: await registry.verifyToken(token) }
    },

    async verifyToken({ token }) {
      try {
        const payload = await registry.verifyToken(token)
        return { accepted: true, header: decodeProtectedHeader(token), payload }
      } catch (error) {
        if (error instanceof RegistryError) return { accepted: false, reason: error.message }
        throw error
      }
    },

    async createServiceKey(request) {
      const credentials = await registry.createServiceKey(request)
      return { ...credentials, accessSecret: credentials.accessSecret.reveal() }
    },

    async listServiceKeys() {
      const keys = await registry.listServiceKeys()
      return { keys: keys.map(summaryOf) }
    },

    async deleteServiceKey({ key }) {
      await registry.deleteServiceKey(key)
      return { deleted: key }
    },

    async listDevices({ limit, after }) {
      // One more than asked for tells whether there is a next page.
      const devices = await registry.listDevices({ limit: limit + 1, ...(after === undefined ? {} : { after }) })
      const page = devices.slice(0, limit)
      const last = page.at(-1)
      return devices.length > limit && last !== undefined ? { devices: page, next: last.id } : { devices: page }
    },

    getDevice: ({ device }) => registry.getDevice(device),
    disableDevice: ({ device }) => registry.disableDevice(device),
    enableDevice: ({ device }) => registry.enableDevice(device),
    rotateDevice: async ({ device }) => revealed(await registry.rotateSecret(device)),

    async deleteDevice({ device }) {
      const found = await registry.getDevice(device)
      await registry.deleteDevice(device)
      return found
    },

    status: async () => status(),
  }
}

const summaryOf = ({ name, accessKey, rules, createdAt, disabled }: ServiceKey): ServiceKeySummary => ({
  name,
  accessKey,
  rules,
  createdAt,
  disabled,
})

const revealed = ({ deviceId, accessKey, accessSecret }: DeviceCredentials): DeviceSecret => ({
  deviceId,
  accessKey,
  accessSecret: accessSecret.reveal(),
})
