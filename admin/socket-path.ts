import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'

export const ADMIN_SOCKET = 'admin.sock'

/** `sun_path` of sockaddr_un holds 108 bytes, the closing NUL included. Source: unix(7). */
const MAX_SOCKET_PATH_BYTES = 107

/** How the admin socket of a data folder can be named to `bind` and `connect`. */
export interface SocketAddress {
  readonly path: string
  /** `path` holds until this was called. */
  release(): Promise<void>
}

/**
 * A data folder may lie deeper than a socket address is long. Linux then reaches it through a descriptor of the folder.
 *
 * @throws the error of `open` (ENOENT, EACCES) when `folder` has to be opened and cannot be.
 */
export async function socketAddress(folder: string): Promise<SocketAddress> {
  const path = join(folder, ADMIN_SOCKET)
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return { path, release: async () => {} }
  if (process.platform !== 'linux') {
    throw new Error(
      `${path} is longer than the ${MAX_SOCKET_PATH_BYTES} bytes of a socket's address; choose a shorter data folder`,
    )
  }
  const directory = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  return { path: `/proc/self/fd/${directory.fd}/${ADMIN_SOCKET}`, release: () => directory.close() }
}

/** `ENOENT` and its like, of an error of the operating system. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
