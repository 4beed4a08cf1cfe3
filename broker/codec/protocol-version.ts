import { PacketType } from './packet-type.ts'

/** What differs between the levels of the protocol. One row for each; another version is another row. */
export interface ProtocolVersion {
  /** The protocol name in CONNECT. */
  readonly name: 'MQIsdp' | 'MQTT'
  /** The protocol level in CONNECT; 3.1 calls it the protocol version number. */
  readonly level: 3 | 4
  /**
   * For each packet type, which values the lower half of its first byte may have: bit `f` is set when `f` may. Any for
   * PUBLISH, where they have a meaning and are read with it; none for what a client never sends.
   */
  readonly allowedFlags: readonly number[]
  /** Whether CONNACK says that a session was found; in 3.1 that byte is reserved. */
  readonly hasSessionPresent: boolean
  /** Whether a CONNECT may end before the user name or password that its flags announce. */
  readonly credentialsMayBeMissing: boolean
  /** Whether will QoS and will RETAIN mean nothing where no will flag is set; otherwise they must not be set either. */
  readonly disregardsStrayWillFlags: boolean
}

const DUP = 0b1000
const only = (...flags: readonly number[]): number => flags.reduce((allowed, one) => allowed | (1 << one), 0)

const allowedFlags = (flagsOfRequest: number): readonly number[] => {
  const allowed = Array.from<number>({ length: 16 }).fill(0)
  const { CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT } = PacketType
  for (const type of [CONNECT, PUBACK, PUBREC, PUBCOMP, PINGREQ, DISCONNECT]) allowed[type] = only(0)
  for (const type of [PUBREL, SUBSCRIBE, UNSUBSCRIBE]) allowed[type] = flagsOfRequest
  allowed[PUBLISH] = 0xffff
  return allowed
}

/** Source: MQTT V3.1 Protocol Specification, IBM and Eurotech 2010. */
export const MQTT_3_1: ProtocolVersion = {
  name: 'MQIsdp',
  level: 3,
  // A client may send these again, and marks them as PUBLISH is marked. MQTT 3.1 §2.1, §3.6, §3.8, §3.10.
  allowedFlags: allowedFlags(only(0b0010, 0b0010 | DUP)),
  hasSessionPresent: false,
  // "The Remaining Length field from the fixed header takes precedence over the User Name flag." MQTT 3.1 §3.1.
  credentialsMayBeMissing: true,
  // "If the Will flag is set, the Will QoS field is mandatory, otherwise its value is disregarded." MQTT 3.1 §3.1.
  disregardsStrayWillFlags: true,
}

/** Source: MQTT Version 3.1.1, OASIS Standard 2014, ISO/IEC 20922:2016. */
export const MQTT_3_1_1: ProtocolVersion = {
  name: 'MQTT',
  level: 4,
  allowedFlags: allowedFlags(only(0b0010)), // [MQTT-2.2.2-1], table 2.2; [MQTT-3.6.1-1, MQTT-3.8.1-1, MQTT-3.10.1-1]
  hasSessionPresent: true,
  credentialsMayBeMissing: false, // [MQTT-3.1.2-19, MQTT-3.1.2-21]
  disregardsStrayWillFlags: false, // [MQTT-3.1.2-11, MQTT-3.1.2-13, MQTT-3.1.2-15]
}

export const PROTOCOL_VERSIONS: readonly ProtocolVersion[] = [MQTT_3_1, MQTT_3_1_1]
