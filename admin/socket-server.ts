import { once } from 'node:events'
import { chmod, lstat, unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import getRawBody from 'raw-body'
import { RegistryError, type Log } from '../registry/index.ts'
import { believed, isOperationName, type OperationName, type Operator } from './operations/index.ts'
import { askOperator, operationNamed } from './operator.ts'
import { statusOf } from './refusal-status.ts'
import { ADMIN_SOCKET, codeOf, socketAddress } from './socket-path.ts'

/** As over HTTP. */
const MAX_BODY_BYTES = 1024 * 1024
const REQUEST_TIMEOUT_MS = 30_000
/** What is under way when the server closes may finish within this time. */
const CLOSE_GRACE_MS = 2_000

/** A request that never became a command. */
class BadRequest extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/**
 * Answers `POST /<operation>` with JSON over `<folder>/admin.sock`. Whoever may open the file is the operator: it has mode
 * 0600 and lies in a folder of mode 0700.
 *
 * Only the holder of the store's lock may call this, and must close it before the store: a socket file that is already
 * there belongs to a server that died, and is removed.
 */
export async function listenAdmin(parts: {
  folder: string
  operator: Operator
  log: Log
}): Promise<{ close(): Promise<void> }> {
  const { folder, operator, log } = parts
  const file = join(folder, ADMIN_SOCKET)
  await removeStale(file)

  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    void answer(request, response, operator, log)
  })
  const address = await socketAddress(folder)
  try {
    server.listen(address.path)
    await once(server, 'listening')
    await chmod(file, 0o600)
  } catch (error) {
    await stop(server).catch(() => {})
    await address.release()
    throw new Error(`cannot listen on ${file}`, { cause: error })
  }
  // A connection that could not be accepted (no file descriptors left) must not end the process.
  server.on('error', (error) => log.error({ event: 'admin-socket-failed', err: error }, 'the admin socket failed'))

  return {
    close: async () => {
      await stop(server)
      await unlink(file).catch(ignoreMissing)
      await address.release()
    },
  }
}

async function removeStale(file: string): Promise<void> {
  const found = await lstat(file).catch(ignoreMissing)
  if (found === undefined) return
  if (!found.isSocket()) throw new Error(`${file} is in the way: it is not a socket. Move it elsewhere and start again`)
  await unlink(file)
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}

async function stop(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const impatience = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS)
  await closed
  clearTimeout(impatience)
}

async function answer(request: IncomingMessage, response: ServerResponse, operator: Operator, log: Log): Promise<void> {
  try {
    const name = nameOf(request)
    const operation = operationNamed(name)
    const result = await askOperator(operator, name, believed(operation, await bodyOf(request)))
    // Asking changes nothing, so it is not news.
    if (operation.role !== 'viewer')
      log.info({ event: 'operator-command', command: name }, 'an operator changed something')
    send(response, 200, result)
  } catch (error) {
    const { status, code, message } = refusalOf(error)
    if (status === 500) log.error({ event: 'admin-fault', path: request.url, err: error }, 'an admin command failed')
    else log.info({ event: 'admin-refused', path: request.url, code }, message)
    send(response, status, { error: { code, message } })
  }
}

function nameOf(request: IncomingMessage): OperationName {
  const name = (request.url ?? '/').slice(1)
  if (!isOperationName(name)) {
    throw new BadRequest(
      404,
      'ERR_COMMAND_UNKNOWN',
      'The server does not know this command; is it of the same version?',
    )
  }
  if (request.method !== 'POST') throw new BadRequest(405, 'ERR_METHOD_NOT_ALLOWED', 'Commands are sent with POST.')
  return name
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text: string
  try {
    text = await getRawBody(request, {
      limit: MAX_BODY_BYTES,
      length: request.headers['content-length'] ?? null,
      encoding: 'utf-8',
    })
  } catch (error) {
    if (!isTooLarge(error)) throw new BadRequest(400, 'ERR_BODY_INVALID', 'The body broke off.')
    throw new BadRequest(413, 'ERR_BODY_TOO_LARGE', `A request may have at most ${MAX_BODY_BYTES} bytes.`)
  }
  try {
    return JSON.parse(text)
  } catch {
    throw new BadRequest(400, 'ERR_BODY_INVALID', 'The body is not JSON.')
  }
}

/** Source: raw-body, «Errors». */
const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && 'type' in error && error.type === 'entity.too.large'

function refusalOf(error: unknown): { status: number; code: string; message: string } {
  if (error instanceof RegistryError) return { status: statusOf[error.code], code: error.code, message: error.message }
  if (error instanceof BadRequest) return error
  return { status: 500, code: 'ERR_INTERNAL', message: 'The server failed; its log says why.' }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  // One command, one connection; it also ends a body that is not worth reading on.
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', Connection: 'close' })
  response.end(JSON.stringify(body))
}
