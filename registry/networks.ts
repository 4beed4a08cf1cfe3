import { BlockList, isIP } from 'node:net'

const MAX_NETWORKS = 100

interface Network {
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  readonly prefix: number
}

/** Why a text is no network (an address, or CIDR such as `10.0.0.0/8`, RFC 4632 §3.1), as the end of a sentence. */
export const networkProblem = (text: string): string | undefined =>
  parse(text) === undefined ? 'is neither an IP address nor a network such as 10.0.0.0/8 or fd00::/8' : undefined

/** Why a list of networks cannot be one, as a sentence. */
export function networksProblem(networks: readonly string[]): string | undefined {
  if (networks.length > MAX_NETWORKS) return `An address list may have at most ${MAX_NETWORKS} entries.`
  const wrong = networks.find((network) => networkProblem(network) !== undefined)
  return wrong === undefined ? undefined : `${JSON.stringify(wrong)} ${networkProblem(wrong)}.`
}

/** Whether `address` lies in one of `networks`. An address that is none lies nowhere. */
export function liesIn(networks: readonly string[], address: string): boolean {
  // A listener for both families shows IPv4 within IPv6 (RFC 4291 §2.5.5.2), and a link-local address has a zone.
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  const version = isIP(plain)
  if (version === 0) return false
  const list = new BlockList()
  for (const text of networks) {
    const network = parse(text)
    if (network !== undefined) list.addSubnet(network.address, network.prefix, network.family)
  }
  return list.check(plain, version === 4 ? 'ipv4' : 'ipv6')
}

function parse(text: string): Network | undefined {
  const [address = '', prefix, ...rest] = text.split('/')
  const version = isIP(address)
  // A zone names an interface of this machine.
  if (version === 0 || rest.length > 0 || address.includes('%')) return undefined
  const bits = version === 4 ? 32 : 128
  if (prefix !== undefined && (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits)) return undefined
  return { address, family: version === 4 ? 'ipv4' : 'ipv6', prefix: prefix === undefined ? bits : Number(prefix) }
}
