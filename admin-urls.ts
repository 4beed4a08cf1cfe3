import { networkInterfaces } from 'node:os'
import { formatListenAddress, isLoopback, type Config, type ListenAddress } from './config.ts'

type HttpListenerName = 'http' | 'https' | 'admin'

/** Where the operator's page is, for each address that this machine has. Never 0.0.0.0: nobody can open that. */
export function adminUrls(
  { listen, admin }: Config,
  addressOf: (name: HttpListenerName) => ListenAddress | undefined,
): string[] {
  const urlsAt = (name: HttpListenerName, scheme: 'http' | 'https', keep: (host: string) => boolean): string[] => {
    const address = addressOf(name)
    if (address === undefined) return []
    const hosts = hostsOf(address.host).filter(keep)
    return hosts.map((host) => `${scheme}://${formatListenAddress({ host, port: address.port })}/`)
  }
  if (listen.admin !== undefined) return urlsAt('admin', isLoopback(listen.admin.host) ? 'http' : 'https', () => true)
  if (admin.access === 'off') return []
  const keep = admin.access === 'all' ? () => true : isLoopback
  return [...urlsAt('https', 'https', keep), ...urlsAt('http', 'http', keep)]
}

function hostsOf(host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host]
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
  return ['127.0.0.1', ...own]
}
