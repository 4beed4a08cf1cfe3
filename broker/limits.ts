/** What one client may ask of this process. */
export interface ConnectionLimits {
  /** The largest CONNECT, in bytes, its fixed header included. */
  readonly maxConnectPacketBytes: number
  /** The largest packet of a client that has logged in, in bytes, its fixed header included. */
  readonly maxPacketBytes: number
  /** Topic filters in one SUBSCRIBE or UNSUBSCRIBE. */
  readonly maxSubscriptionsPerPacket: number
  /** Topic filters of one session. */
  readonly maxSubscriptions: number
  /** Levels of a topic or a filter. At most 100, which is what Aedes takes. */
  readonly maxTopicLevels: number
  /** Bytes of a topic or a filter. */
  readonly maxTopicBytes: number
  /**
   * Bytes that may wait for a client that does not read. From half of it on, messages of QoS 0 are dropped; beyond it
   * the connection is closed.
   */
  readonly maxWriteBufferBytes: number
  /** A client that has taken nothing for so long while something waits for it is disconnected. */
  readonly stalledReaderMs: number
  /** Messages of QoS 1 and 2 that may be unacknowledged on their way to one client. */
  readonly maxInFlight: number
  /** Messages of QoS 2 that one client may have begun and not released. */
  readonly maxInFlightInbound: number
  /** Messages a second that one client may publish; beyond it, it is read more slowly. */
  readonly maxPublishRate: number
  /** Bytes a second that are read from one client; beyond it, it is read more slowly. */
  readonly maxByteRate: number
}

export const DEFAULT_LIMITS: ConnectionLimits = {
  maxConnectPacketBytes: 16 * 1024,
  maxPacketBytes: 256 * 1024,
  maxSubscriptionsPerPacket: 100,
  maxSubscriptions: 1000,
  maxTopicLevels: 100,
  maxTopicBytes: 4096,
  maxWriteBufferBytes: 1024 * 1024,
  stalledReaderMs: 30_000,
  maxInFlight: 64,
  maxInFlightInbound: 1000,
  maxPublishRate: 100_000,
  maxByteRate: 64 * 1024 * 1024,
}
