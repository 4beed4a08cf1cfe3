import type { StoredPacket } from './message-codec.ts'

/** A message of a session's queue. */
export interface QueuedPacket extends StoredPacket {
  readonly dup: boolean
  readonly brokerId: string
  readonly brokerCounter: number
  /** With which it was sent before; then it goes out again as a duplicate. */
  readonly messageId: number | undefined
}

/** A message of QoS 2 that arrived; its PUBREL is still to be acknowledged. */
export interface QueuedPubrel {
  readonly cmd: 'pubrel'
  readonly messageId: number
}
