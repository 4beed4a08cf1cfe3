import { isUtf8 } from 'node:buffer'
import { StringDecoder } from 'node:string_decoder'

/** A message as it is kept or delivered. */
export interface TopicMessage {
  readonly topic: string
  readonly payload: Buffer | string
  readonly qos: number
  readonly retain: boolean
}

/** A message as JSON: text where it is text, and no more of it than anybody reads. */
export interface MessageText {
  readonly at: string
  readonly topic: string
  readonly payload: string
  readonly encoding: 'text' | 'base64'
  /** Of the whole payload. */
  readonly bytes: number
  readonly cut: boolean
  readonly qos: number
  readonly retain: boolean
}

const MAX_PAYLOAD_BYTES = 4096

export const messageText = (message: TopicMessage, at: Date): MessageText => ({
  at: at.toISOString(),
  ...payloadText(message),
})

/** The same of one that has no time. */
export function payloadText({ topic, payload: given, qos, retain }: TopicMessage): Omit<MessageText, 'at'> {
  const payload = typeof given === 'string' ? Buffer.from(given) : given
  const isText = isUtf8(payload)
  const head = payload.subarray(0, MAX_PAYLOAD_BYTES)
  return {
    topic,
    // The decoder leaves out a character that was cut through.
    payload: isText ? new StringDecoder('utf8').write(head) : head.toString('base64'),
    encoding: isText ? 'text' : 'base64',
    bytes: payload.length,
    cut: payload.length > MAX_PAYLOAD_BYTES,
    qos,
    retain,
  }
}
