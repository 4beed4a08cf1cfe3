/** A message as a device published it. To look at `payload` costs a copy. */
export interface DeviceMessage {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: number
  readonly retain: boolean
}
