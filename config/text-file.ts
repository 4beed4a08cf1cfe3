import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { readFailure } from './problems.ts'

/** Why a text file cannot be used; the message is for the operator and does not name the file. */
export class UnreadableFile extends Error {
  override readonly name = 'UnreadableFile'
}

/**
 * Reads a small file that must be UTF-8. Pipes are read too (a shell's `<(…)`); folders and endless devices are refused.
 *
 * @throws {UnreadableFile}
 */
export function readTextFile(file: string, mostBytes: number): string {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    throw new UnreadableFile(readFailure(error), { cause: error })
  }
  try {
    if (fstatSync(descriptor).isDirectory()) throw new UnreadableFile('it is a folder')
    const buffer = Buffer.alloc(mostBytes + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(descriptor, buffer, length, buffer.length - length, null)
    }
    if (length > mostBytes) throw new UnreadableFile(`it is larger than ${mostBytes} bytes`)
    return decoded(buffer.subarray(0, length))
  } catch (error) {
    if (error instanceof UnreadableFile) throw error
    throw new UnreadableFile(readFailure(error), { cause: error })
  } finally {
    closeSync(descriptor)
  }
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new UnreadableFile('it is not UTF-8 text', { cause: error })
  }
}
