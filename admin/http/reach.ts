import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/** From where the admin API can be reached on a listener: from this machine only, or by everyone. */
export type AdminReach = 'loopback' | 'all'

/**
 * Whether a request may know that there is an admin API. From this machine means: both ends are, no proxy says that it
 * passed the request on, and the name it was sent to is not one that somebody else may have made lead here, as in DNS
 * rebinding.
 */
export function mayReach({ socket, headers }: IncomingMessage, reach: AdminReach): boolean {
  if (reach === 'all') return true
  const isLocal = isLoopback(socket.localAddress) && isLoopback(socket.remoteAddress)
  return isLocal && !FORWARDING.some((name) => headers[name] !== undefined) && isOwnName(headers.host ?? '')
}

const FORWARDING = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'] as const

const isLoopback = (address = ''): boolean => /^(?:::ffff:)?127\./.test(address) || address === '::1'

const isOwnName = (host: string): boolean => {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return name.toLowerCase() === 'localhost' || isIP(name) !== 0
}
