import { BlockList, isIPv4, isIPv6 } from 'node:net'

const MAX_NETWORKS = 100

/** Why these are no networks, or undefined when they are: addresses, or CIDR such as `10.0.0.0/8` (RFC 4632 §3.1). */
export function addressListProblem(networks: readonly string[]): string | undefined {
  if (networks.length > MAX_NETWORKS) return `An address list may have at most ${MAX_NETWORKS} entries.`
  const wrong = networks.find((network) => parse(network) === undefined)
  return wrong === undefined
    ? undefined
    : `${JSON.stringify(wrong)} is neither an IP address nor a network such as 10.0.0.0/8.`
}

/** Whether `address` is in one of `networks`. An IPv4 address may arrive in its IPv6 form (RFC 4291 §2.5.5.2). */
export function isInNetworks(networks: readonly string[], address: string): boolean {
  const list = new BlockList()
  for (const network of networks) {
    const parsed = parse(network)
    if (parsed !== undefined) list.addSubnet(parsed.address, parsed.prefix, parsed.family)
  }
  const [bare = ''] = address.split('%', 1)
  if (isIPv4(bare)) return list.check(bare, 'ipv4')
  return isIPv6(bare) && list.check(bare, 'ipv6')
}

function parse(network: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [, address = '', length] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(network) ?? []
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  const longest = family === 'ipv4' ? 32 : 128
  const prefix = length === undefined ? longest : Number(length)
  return (family === 'ipv4' || isIPv6(address)) && prefix <= longest ? { address, prefix, family } : undefined
}
