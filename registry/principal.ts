import type { DeviceId } from './device.ts'
import type { ServiceRules } from './access-key.ts'

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
}

export interface ServicePrincipal {
  readonly kind: 'service'
  readonly accessKey: string
  readonly name: string
  readonly rules: ServiceRules
}

/** Who a connection is, once its credentials were verified. Every permission is built from this and nothing the client says later. */
export type Principal = DevicePrincipal | ServicePrincipal
