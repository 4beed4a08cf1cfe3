/** Whether a device is connected, as the broker of this process knows it. */
export interface DevicePresence {
  readonly connected: boolean
  /** IP address, without a port, of this connection or the last one. */
  readonly address: string
  readonly transport: string
  /** ISO 8601, UTC: when it logged in, or when it left. */
  readonly since: string
}
