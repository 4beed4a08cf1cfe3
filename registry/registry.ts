import type { JWTPayload } from 'jose'
import type { AccessControl } from './acl.ts'
import type { DeviceCredentials, ServiceCredentials, ServiceKey, ServiceRules } from './access-key.ts'
import type { Device, DeviceId } from './device.ts'
import type { Presented, Principal } from './principal.ts'
import type { TokenClaims } from './registration-token.ts'
import type { Signal } from './signal.ts'

export declare class Registry {
  readonly acl: AccessControl
  /** Whoever logged in with this access key must be cut off now: disabled, deleted or its secret rotated. */
  readonly accessRevoked: Signal<{ accessKey: string }>
  readonly deviceRegistered: Signal<Device>

  registerDevice(request: { token: unknown; manufacturerId: string }): Promise<DeviceCredentials>
  authenticate(presented: Presented): Promise<Principal>
  /** milliseconds a login that has to be hashed would wait now; the MQTT door stops reading new CONNECTs above 500 */
  loginBacklogMs(): number

  issueToken(claims: TokenClaims): Promise<string>
  verifyToken(token: string): Promise<JWTPayload>

  createServiceKey(request: {
    name: string
    rules: Partial<ServiceRules>
    secret?: string
  }): Promise<ServiceCredentials>
  listServiceKeys(): Promise<ServiceKey[]>
  deleteServiceKey(nameOrKey: string): Promise<void>

  listDevices(page: { limit: number; after?: DeviceId }): Promise<Device[]>
  getDevice(idOrManufacturerId: string): Promise<Device>
  disableDevice(idOrManufacturerId: string): Promise<Device>
  enableDevice(idOrManufacturerId: string): Promise<Device>
  rotateSecret(idOrManufacturerId: string): Promise<DeviceCredentials>
  deleteDevice(idOrManufacturerId: string): Promise<void>
}
