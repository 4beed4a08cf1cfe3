/** The other end broke a rule of the protocol, or a limit of ours. Its connection closes [MQTT-4.8.0-1]. */
export class ProtocolError extends Error {
  override readonly name: string = 'ProtocolError'
}

/** Allowed by the protocol, and more than we take. */
export class LimitExceeded extends ProtocolError {
  override readonly name = 'LimitExceeded'
}

/** The other end speaks a version of MQTT that we do not. It is told, and its connection closes [MQTT-3.1.2-2]. */
export class UnacceptableProtocolVersion extends ProtocolError {
  override readonly name = 'UnacceptableProtocolVersion'
}
