import { readSequence, writeSequence } from './layout.ts'

/** How far a message has come on its way to one session. */
export const Stage = {
  QUEUED: 0,
  /** It has a packet id; whether it arrived is not known. */
  SENT: 1,
  /** QoS 2: PUBREC came. The message is not needed any more, its packet id is. */
  RELEASED: 2,
  DONE: 3,
} as const
export type Stage = (typeof Stage)[keyof typeof Stage]

const STAGES = Object.values(Stage)

export const NO_ID = -1

/** A message that is not done though later ones are. */
export interface Exception {
  readonly sequence: number
  readonly stage: Stage
  readonly messageId: number
}

/** What of a session's queue is done: everything up to a sequence, but for exceptions. */
export interface Progress {
  readonly reached: number
  readonly exceptions: readonly Exception[]
}

/** Sequence u64, count of exceptions u32, exceptions of 11 bytes: sequence u64, stage u8, packet id u16. */
const HEADER_BYTES = 12
const EXCEPTION_BYTES = 11

export function writeProgress({ reached, exceptions }: Progress): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + EXCEPTION_BYTES * exceptions.length)
  writeSequence(bytes, reached, 0)
  bytes.writeUInt32BE(exceptions.length, 8)
  let at = HEADER_BYTES
  for (const { sequence, stage, messageId } of exceptions) {
    writeSequence(bytes, sequence, at)
    bytes[at + 8] = stage
    bytes.writeUInt16BE(Math.max(messageId, 0), at + 9)
    at += EXCEPTION_BYTES
  }
  return bytes
}

/** @throws {RangeError} when the bytes are no progress. */
export function readProgress(bytes: Buffer): Progress {
  const count = bytes.readUInt32BE(8)
  if (bytes.length !== HEADER_BYTES + EXCEPTION_BYTES * count) throw new RangeError('its length is wrong')
  const exceptions = Array.from({ length: count }, (_, n): Exception => {
    const at = HEADER_BYTES + EXCEPTION_BYTES * n
    const stage = STAGES[bytes[at + 8] ?? 0] ?? Stage.QUEUED
    const messageId = stage === Stage.QUEUED ? NO_ID : bytes.readUInt16BE(at + 9)
    return { sequence: readSequence(bytes, at), stage, messageId }
  })
  return { reached: readSequence(bytes, 0), exceptions }
}
