import { topicProblem } from '../../registry/index.ts'
import { Fields } from './fields.ts'
import { checkFlags, type FixedHeader } from './fixed-header.ts'
import { PacketType } from './packet-type.ts'
import { ProtocolError, UnacceptableProtocolVersion } from './protocol-error.ts'
import { MQTT_3_1_1, PROTOCOL_VERSIONS, type ProtocolVersion } from './protocol-version.ts'

export interface Will {
  topic: string
  payload: Buffer
  qos: 0 | 1 | 2
  retain: boolean
}

/** A CONNECT in the shape that Aedes' hooks expect. What was not sent is not there. */
export interface ConnectPacket {
  cmd: 'connect'
  version: ProtocolVersion
  protocolId: 'MQIsdp' | 'MQTT'
  protocolVersion: 3 | 4
  clean: boolean
  /** Seconds; 0 for none. */
  keepalive: number
  clientId: string
  will?: Will
  username?: string
  password?: Buffer
}

/**
 * Reads a CONNECT, whose flags tell which version's rules it is under: before it nobody knows.
 *
 * @throws {UnacceptableProtocolVersion} for MQTT in another version; nothing behind the version is looked at.
 * @throws {ProtocolError}
 *
 * Source: MQTT 3.1.1 §3.1; MQTT 3.1 §3.1.
 */
export function readConnect(bytes: Buffer, header: FixedHeader): ConnectPacket {
  const fields = new Fields(bytes, header)
  const version = readVersion(fields)
  checkFlags(header, version)
  const flags = readConnectFlags(fields, version)
  const packet: ConnectPacket = {
    cmd: 'connect',
    version,
    protocolId: version.name,
    protocolVersion: version.level,
    clean: flags.clean,
    keepalive: fields.uint16(),
    clientId: fields.text(), // [MQTT-3.1.3-3, MQTT-3.1.3-4]; an empty one is the session's business [MQTT-3.1.3-8]
  }
  if (flags.will !== undefined) {
    packet.will = { topic: readWillTopic(fields), payload: fields.binary(), ...flags.will } // [MQTT-3.1.2-9]
  }
  const announced = (flag: boolean): boolean => flag && !(version.credentialsMayBeMissing && fields.left === 0)
  if (announced(flags.username)) packet.username = fields.text() // [MQTT-3.1.3-11]
  if (announced(flags.password)) packet.password = fields.binary()
  fields.finish() // [MQTT-3.1.2-18, MQTT-3.1.2-20]: nothing that no flag announces
  return packet
}

function readVersion(fields: Fields): ProtocolVersion {
  const name = fields.text()
  if (!PROTOCOL_VERSIONS.some((one) => one.name === name)) throw new ProtocolError('not MQTT') // [MQTT-3.1.2-1]
  const level = fields.byte()
  const version = PROTOCOL_VERSIONS.find((one) => one.name === name && one.level === level)
  if (version === undefined) throw new UnacceptableProtocolVersion(`protocol ${name}, level ${level}`) // [MQTT-3.1.2-2]
  return version
}

interface ConnectFlags {
  readonly clean: boolean
  readonly will: Pick<Will, 'qos' | 'retain'> | undefined
  readonly username: boolean
  readonly password: boolean
}

function readConnectFlags(fields: Fields, version: ProtocolVersion): ConnectFlags {
  const byte = fields.byte()
  if (byte & 0x01) throw new ProtocolError('the reserved connect flag is set') // [MQTT-3.1.2-3]
  const hasWill = (byte & 0x04) !== 0
  const qos = (byte >> 3) & 3
  const retain = (byte & 0x20) !== 0
  if (!hasWill && !version.disregardsStrayWillFlags && (qos !== 0 || retain)) {
    throw new ProtocolError('will flags without a will')
  }
  const username = (byte & 0x80) !== 0
  const password = (byte & 0x40) !== 0
  if (password && !username) throw new ProtocolError('a password without a user name') // [MQTT-3.1.2-22]
  return { clean: (byte & 0x02) !== 0, will: hasWill ? { qos: willQos(qos), retain } : undefined, username, password }
}

function willQos(qos: number): Will['qos'] {
  if (qos === 0 || qos === 1 || qos === 2) return qos
  throw new ProtocolError('a will of QoS 3') // [MQTT-3.1.2-14]
}

function readWillTopic(fields: Fields): string {
  const topic = fields.text() // [MQTT-3.1.3-10]
  const problem = topicProblem(topic)
  if (problem !== undefined) throw new ProtocolError(`the topic of the will ${problem}`)
  return topic
}

const connack = (returnCode: number, flags: number): Buffer =>
  Buffer.from([PacketType.CONNACK << 4, 2, flags, returnCode])

const ACCEPTED = 0
const WITH_SESSION = connack(ACCEPTED, 1)
/** By return code; 6 to 255 are reserved. Source: MQTT 3.1.1 §3.2.2.3, table 3.1. */
const WITHOUT_SESSION: readonly Buffer[] = [0, 1, 2, 3, 4, 5].map((returnCode) => connack(returnCode, 0))

/**
 * @param sessionPresent - a session of this client was found [MQTT-3.2.2-1, MQTT-3.2.2-2, MQTT-3.2.2-3]. Said only with
 * return code 0 [MQTT-3.2.2-4], and only to a version that has a place for it.
 * @returns bytes that all connections share: to be read only.
 */
export function encodeConnack(
  returnCode: number,
  sessionPresent: boolean,
  version: ProtocolVersion = MQTT_3_1_1,
): Buffer {
  if (sessionPresent && returnCode === ACCEPTED && version.hasSessionPresent) return WITH_SESSION
  const bytes = WITHOUT_SESSION[returnCode]
  if (bytes === undefined) throw new RangeError(`return code ${returnCode} is reserved`)
  return bytes
}
