import net from 'node:net'
import { plainAddress, type Admission } from './admission.ts'
import { listenError, type ListenerName } from './listener-errors.ts'
import { Handshakes, type AfterHandshake, type TlsCredentials } from './listener-tls.ts'
import type { HandshakeFailure, Log, Signal } from '../registry/index.ts'
import type { Accept, AcceptBytes, Ticket } from './peer.ts'
import { TcpStream, type TcpHandles } from './tcp-stream.ts'

export type { TlsCredentials } from './listener-tls.ts'

/** More than Node's 511: a fleet that returns at once arrives faster than one turn of the loop accepts. The kernel caps it. */
const BACKLOG = 4096

export interface ListenAddress {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
}

export interface ListenOptions {
  readonly address: ListenAddress
  readonly admission: Admission
  readonly log: Log
  /** Off only for a writer that does not gather its packets: Nagle then gathers them. @defaultValue true */
  readonly noDelay?: boolean
}

export interface ListenTcpOptions extends ListenOptions {
  /** Gets each connection that was let in, paused: nothing is read until it calls `resume()` or `read()`. */
  readonly accept: Accept
  /** Gets them in its place where TCP can be had without a socket around it. */
  readonly acceptBytes?: AcceptBytes
  /** How it can be; undefined where it cannot. */
  readonly handles?: TcpHandles | undefined
}

export interface ListenTlsOptions extends ListenOptions, AfterHandshake {
  readonly tls: TlsCredentials
  readonly handshakeFailed?: Signal<HandshakeFailure>
}

export interface Listener {
  /** Where it really listens, also when port 0 was asked for. */
  readonly address: ListenAddress
  /** Closes the listening socket. Connections stay. */
  stopAccepting(): void
  /** Stops accepting, ends what connections are left, and resolves when all have closed. */
  close(): Promise<void>
}

export interface TlsListener extends Listener {
  /**
   * New handshakes get the new certificate; connections stay.
   *
   * @throws {Error} when the pair cannot be used; the old one stays in use.
   */
  setCertificate(credentials: TlsCredentials): void
}

/** @throws {Error} naming the listener, the address and the setting to change, when the address cannot be had. */
export async function listenTcp(options: ListenTcpOptions): Promise<Listener> {
  const { accept, acceptBytes, handles, noDelay = true } = options
  const { listener, server, arrived, acceptFailed } = await listen('mqtt', options, (socket, address, ticket) => {
    accept(socket, { address, transport: 'tcp', ticket })
  })
  if (acceptBytes === undefined || handles === undefined) return listener
  const open: Open<TcpStream> = (stream, address, ticket) => acceptBytes(stream, { address, transport: 'tcp', ticket })
  handles.takeConnections(server, (handle) => arrived(new TcpStream(handles, handle, noDelay), open), acceptFailed)
  return listener
}

/** As `listenTcp`. @throws {Error} also when the certificate or its key cannot be used. */
export async function listenTls(options: ListenTlsOptions): Promise<TlsListener> {
  const handshakes = new Handshakes(options.tls, options, options.log, options.handshakeFailed)
  const { listener } = await listen('mqtts', options, (socket, address, ticket) =>
    handshakes.begin(socket, address, ticket),
  )
  return { ...listener, setCertificate: (credentials) => handshakes.setCertificate(credentials) }
}

/** A `net.Socket` or a `TcpStream`. */
interface Visitor {
  /** Undefined when the peer has already gone. */
  readonly remoteAddress?: string | undefined
  readonly destroyed: boolean
  destroy(): unknown
  on(event: 'close', listener: (this: Visitor) => void): unknown
}

type Open<V extends Visitor> = (visitor: V, address: string, ticket: Ticket) => void

interface Listening {
  readonly listener: Listener
  readonly server: net.Server
  /** Takes charge of a connection; `open` is called when it is let in. */
  readonly arrived: <V extends Visitor>(visitor: V, open: Open<V>) => void
  readonly acceptFailed: (error: Error) => void
}

async function listen(
  name: ListenerName,
  { address: { host, port }, admission, log, noDelay = true }: ListenOptions,
  open: Open<net.Socket>,
): Promise<Listening> {
  const visitors = new Set<Visitor>()
  let nobodyIsLeft: (() => void) | undefined
  // Functions for all of them, as there may be tens of thousands.
  const failed = (error: Error): void =>
    log.debug({ event: 'connection-failed', listener: name, reason: error.message }, 'A connection failed.')
  const acceptFailed = (error: Error): void =>
    log.error({ event: 'accept-failed', listener: name, reason: error.message }, 'A connection could not be accepted.')
  function departed(this: Visitor): void {
    visitors.delete(this)
    if (visitors.size === 0) nobodyIsLeft?.()
  }
  const arrived = <V extends Visitor>(visitor: V, letIn: Open<V>): void => {
    const { remoteAddress } = visitor
    if (remoteAddress === undefined) {
      visitor.destroy()
      return
    }
    visitors.add(visitor)
    visitor.on('close', departed)
    const address = plainAddress(remoteAddress)
    admission.admit(visitor, address, (ticket) => letIn(visitor, address, ticket))
  }

  // Paused from the start and left so: before admission not one byte is read, so a waiting socket costs no buffer.
  const server = net.createServer({ pauseOnConnect: true, noDelay })
  server.on('connection', (socket) => {
    // An 'error' that nobody listens to would end the process, and a peer can cause one at any moment.
    socket.on('error', failed)
    arrived(socket, open)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(name, host, port, error)))
    server.listen({ host, port, backlog: BACKLOG }, resolve)
  })
  server.removeAllListeners('error')
  // Accept can fail later, for want of file descriptors: that costs this connection and not the process.
  server.on('error', acceptFailed)

  const ended = new Promise<void>((resolve) => server.once('close', resolve))
  const listener: Listener = {
    address: addressOf(server, host, port),
    stopAccepting: () => void server.close(),
    async close() {
      server.close()
      const left = new Promise<void>((resolve) => (nobodyIsLeft = resolve))
      if (visitors.size === 0) nobodyIsLeft?.()
      for (const visitor of visitors) visitor.destroy()
      await Promise.all([ended, left])
    },
  }
  return { listener, server, arrived, acceptFailed }
}

function addressOf(server: net.Server, host: string, port: number): ListenAddress {
  const bound = server.address()
  return bound === null || typeof bound === 'string' ? { host, port } : { host: bound.address, port: bound.port }
}
