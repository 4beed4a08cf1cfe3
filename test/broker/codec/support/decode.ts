import {
  checkFlags,
  FixedHeader,
  PacketType,
  ProtocolError,
  PublishFrame,
  readConnect,
  readEmpty,
  readFixedHeader,
  readPacketId,
  readPublish,
  readSubscribe,
  readTopicName,
  readUnsubscribe,
  type ProtocolVersion,
} from '../../../../broker/codec/index.ts'

/** A packet as mqtt-packet names its parts. */
export type Plain = Readonly<Record<string, unknown>>

export interface Surroundings {
  readonly at?: number
  readonly limit?: number
  readonly maxPacketBytes?: number
  readonly maxFilters?: number
}

export const NO_LIMIT = 1 << 30

/** The first packet, read as a connection reads it; undefined while it is incomplete. */
export function decode(bytes: Buffer, version: ProtocolVersion, surroundings: Surroundings = {}): Plain | undefined {
  const { at = 0, limit = bytes.length, maxPacketBytes = NO_LIMIT, maxFilters = NO_LIMIT } = surroundings
  const header = new FixedHeader()
  if (!readFixedHeader(bytes, at, limit, maxPacketBytes, header)) return undefined
  if (header.type === PacketType.CONNECT) {
    const { version: _, ...packet } = readConnect(bytes, header)
    return packet
  }
  checkFlags(header, version)
  switch (header.type) {
    case PacketType.PUBLISH:
      return publishOf(bytes, header)
    case PacketType.PUBACK:
      return { cmd: 'puback', messageId: readPacketId(bytes, header) }
    case PacketType.PUBREC:
      return { cmd: 'pubrec', messageId: readPacketId(bytes, header) }
    case PacketType.PUBREL:
      return { cmd: 'pubrel', messageId: readPacketId(bytes, header) }
    case PacketType.PUBCOMP:
      return { cmd: 'pubcomp', messageId: readPacketId(bytes, header) }
    case PacketType.SUBSCRIBE: {
      const { packetId, subscriptions } = readSubscribe(bytes, header, maxFilters)
      return { cmd: 'subscribe', messageId: packetId, subscriptions }
    }
    case PacketType.UNSUBSCRIBE: {
      const { packetId, filters } = readUnsubscribe(bytes, header, maxFilters)
      return { cmd: 'unsubscribe', messageId: packetId, unsubscriptions: filters }
    }
    case PacketType.PINGREQ:
      readEmpty(header)
      return { cmd: 'pingreq' }
    case PacketType.DISCONNECT:
      readEmpty(header)
      return { cmd: 'disconnect' }
    default:
      throw new Error(`packet type ${header.type} passed the fixed header`)
  }
}

function publishOf(bytes: Buffer, header: FixedHeader): Plain {
  const frame = new PublishFrame()
  readPublish(bytes, header, frame)
  const { qos, dup, retain, packetId } = frame
  return {
    cmd: 'publish',
    topic: readTopicName(bytes, frame.topicAt, frame.topicEnd),
    payload: Buffer.from(bytes.subarray(frame.payloadAt, frame.end)),
    qos,
    dup,
    retain,
    ...(qos > 0 && { messageId: packetId }),
  }
}

/** What became of the first packet: its parts, the sentence of its refusal, or that it is incomplete. Faults are thrown. */
export function outcome(bytes: Buffer, version: ProtocolVersion, surroundings: Surroundings = {}): Plain {
  try {
    return decode(bytes, version, surroundings) ?? { incomplete: true }
  } catch (error) {
    if (error instanceof ProtocolError) return { refused: error.message }
    throw error
  }
}
