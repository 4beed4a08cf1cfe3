import { SECRET } from '../../broker/support/door.ts'

/**
 * MQTT 3.1 and 3.1.1 control packets, byte by byte and on purpose without a library: what is sent here is often what no
 * library would send, and what comes back is compared whole.
 */

export type Bytes = Buffer | readonly number[]

export const join = (...parts: readonly Bytes[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part)))

export const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])

/** A string or binary field: two bytes of length, then the bytes. */
export const field = (value: string | Bytes): Buffer => {
  const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.from(value)
  return join(uint16(bytes.length), bytes)
}

/** Source: MQTT 3.1.1 §2.2.3. */
export function remainingLength(length: number): Buffer {
  const digits: number[] = []
  let rest = length
  do {
    const digit = rest % 128
    rest = Math.floor(rest / 128)
    digits.push(rest > 0 ? digit | 0x80 : digit)
  } while (rest > 0)
  return Buffer.from(digits)
}

export function packet(firstByte: number, ...parts: readonly Bytes[]): Buffer {
  const body = join(...parts)
  return join([firstByte], remainingLength(body.length), body)
}

/** The service key that the subject of a wire case logs in with. */
export const SUBJECT = 'subject'

export interface ConnectFields {
  readonly protocol?: string | Bytes
  readonly level?: number
  /** The byte of connect flags; otherwise as the fields below demand. */
  readonly flags?: number
  readonly firstByte?: number
  readonly clean?: boolean
  readonly keepAlive?: number
  readonly clientId?: string | Bytes
  readonly will?: { topic: string | Bytes; payload?: string | Bytes; qos?: number; retain?: boolean }
  readonly userName?: string | Bytes | null
  readonly password?: string | Bytes | null
  /** Behind the last field. */
  readonly more?: Bytes
}

export function connect({
  level = 4,
  protocol = level === 3 ? 'MQIsdp' : 'MQTT',
  firstByte = 0x10,
  clean = true,
  keepAlive = 0,
  clientId = 'by-hand',
  will,
  userName = SUBJECT,
  password = SECRET,
  more = [],
  ...given
}: ConnectFields = {}): Buffer {
  const flags =
    given.flags ??
    (clean ? 0x02 : 0) |
      (will === undefined ? 0 : 0x04 | ((will.qos ?? 0) << 3) | (will.retain === true ? 0x20 : 0)) |
      (password === null ? 0 : 0x40) |
      (userName === null ? 0 : 0x80)
  return packet(
    firstByte,
    field(protocol),
    [level, flags],
    uint16(keepAlive),
    field(clientId),
    will === undefined ? [] : join(field(will.topic), field(will.payload ?? 'will')),
    userName === null ? [] : field(userName),
    password === null ? [] : field(password),
    more,
  )
}

export const connack = (returnCode: number, sessionPresent = 0): Buffer => packet(0x20, [sessionPresent, returnCode])

export function publish(
  topic: string | Bytes,
  payload: string | Bytes = 'x',
  { qos = 0, id = 7, retain = false, dup = false } = {},
): Buffer {
  const firstByte = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0)
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  return packet(firstByte, field(topic), qos === 0 ? [] : uint16(id), bytes)
}

export const puback = (id = 7): Buffer => packet(0x40, uint16(id))
export const pubrec = (id = 7): Buffer => packet(0x50, uint16(id))
export const pubrel = (id = 7): Buffer => packet(0x62, uint16(id))
export const pubcomp = (id = 7): Buffer => packet(0x70, uint16(id))

/** A filter without a QoS is asked for with QoS 0. */
export type Asked = string | Bytes | readonly [filter: string | Bytes, qos: number]

const isPair = (asked: Asked): asked is readonly [string | Bytes, number] =>
  Array.isArray(asked) && typeof asked[0] !== 'number'

export const subscribe = (filters: readonly Asked[], { id = 7, firstByte = 0x82 } = {}): Buffer =>
  packet(
    firstByte,
    uint16(id),
    ...filters.map((asked) => {
      const [filter, qos]: readonly [string | Bytes, number] = isPair(asked) ? asked : [asked, 0]
      return join(field(filter), [qos])
    }),
  )

export const suback = (returnCodes: readonly number[], id = 7): Buffer => packet(0x90, uint16(id), returnCodes)

export const unsubscribe = (filters: readonly (string | Bytes)[], { id = 7, firstByte = 0xa2 } = {}): Buffer =>
  packet(firstByte, uint16(id), ...filters.map((filter) => field(filter)))

export const unsuback = (id = 7): Buffer => packet(0xb0, uint16(id))

export const pingreq = (): Buffer => packet(0xc0)
export const pingresp = (): Buffer => packet(0xd0)
export const disconnect = (): Buffer => packet(0xe0)

/** For people: the first bytes, and how many there are. */
export function hex(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, 48))
    .toString('hex')
    .replace(/..(?=.)/g, '$& ')
  return bytes.length > 48 ? `${shown} … (${bytes.length} bytes)` : shown
}
