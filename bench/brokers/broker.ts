/** A broker that runs, pinned to its core. */
export interface Broker {
  /** As the tables call it. */
  readonly name: string
  readonly pid: number
  readonly mqttPort: number
  stop(): Promise<void>
}

/** Where a broker is to run, and who may log in. */
export interface BrokerPlace {
  /** For its files. */
  readonly folder: string
  readonly core: number
  /** Lines of `client-id user password`. */
  readonly devices: string
  readonly services: string
}
