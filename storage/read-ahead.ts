import { closeSync, fstatSync, openSync, read } from 'node:fs'
import { promisify } from 'node:util'

const readInto = promisify(read)

/**
 * What each file holds, one after the other; while one is looked at the thread pool reads the next. The bytes are good
 * until the next file is asked for: two buffers take turns, since fresh ones cost more than what is read into them.
 */
export async function* readAhead<F extends { readonly path: string }>(
  files: readonly F[],
): AsyncGenerator<F & { readonly bytes: Buffer }> {
  let [next, other] = [new FileBuffer(), new FileBuffer()]
  let reading = next.fill(files[0]?.path)
  for (const [index, file] of files.entries()) {
    const bytes = await reading
    ;[next, other] = [other, next]
    reading = next.fill(files[index + 1]?.path)
    // Whoever waits for it hears of a failure; nobody does when one before it ends it all.
    reading.catch(() => {})
    yield { ...file, bytes }
  }
}

class FileBuffer {
  #bytes: Buffer = Buffer.alloc(0)

  /** The whole file; nothing of none. */
  async fill(path: string | undefined): Promise<Buffer> {
    if (path === undefined) return this.#bytes.subarray(0, 0)
    // The dear part alone goes to the thread pool: a handle of promises takes four turns of it for each file.
    const file = openSync(path, 'r')
    try {
      const { size } = fstatSync(file)
      if (this.#bytes.length < size) this.#bytes = Buffer.allocUnsafeSlow(size)
      for (let at = 0; ;) {
        const { bytesRead } = await readInto(file, this.#bytes, at, size - at, at)
        at += bytesRead
        if (at === size || bytesRead === 0) return this.#bytes.subarray(0, at)
      }
    } finally {
      closeSync(file)
    }
  }
}
