/** Which listener, as the operator's settings call it. */
export type ListenerName = 'mqtt' | 'mqtts'

const KINDS: Record<ListenerName, string> = { mqtt: 'MQTT', mqtts: 'MQTT over TLS' }

/** @returns an error that says which listener could not be opened, why, and what to do next. */
export function listenError(name: ListenerName, host: string, port: number, cause: Error): Error {
  const variable = `MOORING_LISTEN_${name.toUpperCase()}`
  const at = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  const change = `set listen.${name} (${variable}) to another host:port, or to off`
  return new Error(`Cannot listen for ${KINDS[name]} on ${at}: ${explain(codeOf(cause), port, change, cause)}`, {
    cause,
  })
}

function explain(code: string, port: number, change: string, cause: Error): string {
  switch (code) {
    case 'EADDRINUSE':
      return `the port is taken by another program (EADDRINUSE). Stop that program (\`ss -ltnp 'sport = :${port}'\` names it), or ${change}.`
    case 'EACCES':
      return `this user may not open the port (EACCES). Give the program CAP_NET_BIND_SERVICE, or ${change}; ports from 1024 need no privilege.`
    case 'EADDRNOTAVAIL':
      return `this machine has no such address (EADDRNOTAVAIL). Use one that \`ip address\` lists, or 0.0.0.0 for all: ${change}.`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host name is not known (${code}). Use an IP address: ${change}.`
    default:
      return `${cause.message}. If that cannot be mended, ${change}.`
  }
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
