import { readFile } from 'node:fs/promises'
import { systemCode } from '../storage/index.ts'
import { CliError, ExitCode, usageError } from './failure.ts'

export async function textOf(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((cause: unknown) => {
    throw usageError(`${file} cannot be read: ${systemCode(cause) ?? 'it is no file'}`)
  })
}

/** What OpenSSL says of it may quote it. */
export function pemOf<T>(file: string, parse: (text: string) => T, text: string): T {
  try {
    return parse(text)
  } catch (cause) {
    throw certificateInvalid(`${file} is not what it should be, in PEM`, undefined, cause)
  }
}

export const certificateInvalid = (message: string, hint?: string, cause?: unknown): CliError =>
  new CliError(ExitCode.failure, 'ERR_CERTIFICATE_INVALID', message, {
    ...(hint === undefined ? {} : { hint }),
    cause,
  })

/** A distinguished name as people write it. */
export const oneLine = (name: string): string => name.replaceAll('\n', ', ')
