import { isIPv6 } from 'node:net'

/** The address without the IPv6 clothes of an IPv4 one: a socket that listens on `::` calls 10.0.0.1 `::ffff:10.0.0.1`. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address
}

/**
 * What counts as one address in the caps. For IPv4 the address; for IPv6 its /64, because that is what one line is given
 * (RFC 6177), and whoever owns a line could otherwise come from 2^64 addresses.
 */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const [left = '', right] = address.replace(/%.*$/, '').split('::')
  const before = left === '' ? [] : left.split(':')
  const after = right === undefined || right === '' ? [] : right.split(':')
  const zeros = right === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
