import type { DeviceId } from './device.ts'
import type { ServiceRules } from './access-key.ts'
import type { KeyFilter } from './key-filter.ts'

/** A login at the MQTT door, as it arrived and not yet believed. */
export interface Presented {
  readonly clientId: string
  readonly accessKey: string
  readonly accessSecret: string
  /** IP address of the other end, without a port. */
  readonly address: string
}

export interface DevicePrincipal {
  readonly kind: 'device'
  readonly accessKey: string
  readonly deviceId: DeviceId
  // Absent for nearly every device, and so without a price for its connection.
  readonly quarantined?: true
  readonly filter?: KeyFilter
  readonly addresses?: readonly string[]
  /** Of the secret that it showed. */
  readonly secretVersion?: number
}

export interface ServicePrincipal {
  readonly kind: 'service'
  readonly accessKey: string
  readonly name: string
  readonly rules: ServiceRules
  readonly addresses?: readonly string[]
}

/** Who a connection is, once its credentials were verified. Every permission is built from this and nothing the client says later. */
export type Principal = DevicePrincipal | ServicePrincipal

/** Whether it may log in and hear its commands, and nothing else. */
export const isQuarantined = (principal: Principal | undefined): boolean =>
  principal?.kind === 'device' && principal.quarantined === true
