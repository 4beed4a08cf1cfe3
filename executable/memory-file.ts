import { openSync } from 'node:fs'
import { join } from 'node:path'

/** The part of Node 26's `node:vfs` that is needed here. */
interface Vfs {
  create(): {
    writeFileSync(path: string, bytes: Uint8Array): void
    /** @returns under which path it is found. */
    mount(at: string): string
    unmount(): void
  }
}

/**
 * Loads a native add-on from memory, for machines where no place that can be written allows execution. Node hands
 * dlopen a memfd for a file that is in memory.
 *
 * @throws when this Node has no such file system, and the error of dlopen.
 */
export function loadFromMemory(name: string, bytes: Uint8Array): unknown {
  const files = memoryFiles().create()
  files.writeFileSync(`/${name}.node`, bytes)
  const place = files.mount('/mooring-native')
  try {
    const addon = { exports: {} }
    process.dlopen(addon, join(place, `${name}.node`))
    return addon.exports
  } finally {
    files.unmount()
    // Node has closed its descriptor, and dlopen knows the library by it: were the next add-on to get the same number,
    // it would be taken for this one. So nobody gets the number again.
    openSync(process.execPath, 'r')
  }
}

function memoryFiles(): Vfs {
  const vfs: unknown = process.getBuiltinModule('node:vfs')
  if (!isVfs(vfs)) throw new Error('this Node has no file system in memory')
  return vfs
}

const isVfs = (vfs: unknown): vfs is Vfs =>
  typeof vfs === 'object' && vfs !== null && 'create' in vfs && typeof vfs.create === 'function'
