import { isIP, isIPv4 } from 'node:net'

export interface ListenAddress {
  /** A host name or an IP address; IPv6 without its brackets. */
  readonly host: string
  /** 0 lets the system pick a free one. */
  readonly port: number
}

const HOST_AND_PORT = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/
const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/
const DIGITS_AND_DOTS = /^[0-9.]+$/

/**
 * @param text - `host:port`, `[::1]:1883`, or `off`.
 * @returns undefined when it is off.
 * @throws {RangeError} when it is not an address; the message says what is expected.
 */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text === 'off') return undefined
  const [, bracketed, plain, port] = HOST_AND_PORT.exec(text) ?? []
  if (port === undefined) {
    const hint =
      isIP(text.slice(0, text.lastIndexOf(':'))) === 6 ? '; an IPv6 address stands in brackets: [::1]:1883' : ''
    throw new RangeError(`expected host:port such as 127.0.0.1:1883, or off${hint}`)
  }
  const host = bracketed ?? plain ?? ''
  // Elsewhere an empty host means "everyone may connect". That must be written out here, not left out.
  if (host === '' || host === '*') {
    throw new RangeError(`expected a host before the port: 127.0.0.1:${port} for this machine, 0.0.0.0:${port} for all`)
  }
  if (Number(port) > 65_535) throw new RangeError('expected a port from 0 to 65535')
  const isAddress = bracketed === undefined ? isIP(host) === 4 : isIP(host) === 6
  const isName = bracketed === undefined && HOST_NAME.test(host) && !DIGITS_AND_DOTS.test(host)
  if (!isAddress && !isName) throw new RangeError('expected an IP address or a host name before the port')
  return { host, port: Number(port) }
}

export const formatListenAddress = (address: ListenAddress | undefined): string => {
  if (address === undefined) return 'off'
  return `${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`
}

/** Whether only this machine reaches it. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))

const EVERYWHERE = new Set(['0.0.0.0', '::'])

/** Whether the two cannot listen at the same time. Names are compared as text: what they stand for is not known yet. */
export function addressesCollide(one: ListenAddress, other: ListenAddress): boolean {
  if (one.port === 0 || one.port !== other.port) return false
  return one.host === other.host || EVERYWHERE.has(one.host) || EVERYWHERE.has(other.host)
}
