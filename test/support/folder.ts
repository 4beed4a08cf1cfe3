import { mkdtemp, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'

/** An empty folder that is gone when the test is. */
export async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mooring-test-'))
  // A program that is just being killed may still write into it.
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
  return folder
}

/** The root of the sources, wherever the compiled tests lie within it. */
export const projectFolder: string = findProject(import.meta.dirname)

function findProject(folder: string): string {
  if (existsSync(join(folder, 'firmware-sample'))) return folder
  if (dirname(folder) === folder) throw new Error('the tests are not inside the project')
  return findProject(dirname(folder))
}
