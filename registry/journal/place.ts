import { isIPv6 } from 'node:net'

/** What counts as one place: an IPv4 address, or an IPv6 /64, which is what one line is given. Source: RFC 6177. */
export function placeOf(address: string): string {
  if (!isIPv6(address)) return address
  // The URL parser writes an IPv6 address in its one short form. Source: WHATWG URL, «IPv6 serializer».
  const short = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
  const [left = '', right] = short.split('::')
  const before = left === '' ? [] : left.split(':')
  const after = right === undefined || right === '' ? [] : right.split(':')
  const zeros = right === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after].slice(0, 4).join(':')
}
