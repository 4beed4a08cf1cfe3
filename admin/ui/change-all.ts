import { ask } from './api.ts'

export type BulkChange = 'disable' | 'enable' | 'quarantine' | 'release'

const AT_ONCE = 100

/**
 * Does the same to all devices that are meant, page by page, so that no request lasts for minutes.
 *
 * @param how.told - hears how many were done so far.
 * @returns how many there are.
 */
export async function changeAll(
  kind: BulkChange,
  devices: Parameters<typeof ask<'changeDevices'>>[1] extends { devices: infer D } ? D : never,
  how: { dryRun?: boolean; told?: (done: number) => void } = {},
): Promise<number> {
  let done = 0
  let after: string | undefined
  do {
    const page = await ask('changeDevices', {
      change: { kind },
      devices,
      limit: AT_ONCE,
      ...(how.dryRun === undefined ? {} : { dryRun: how.dryRun }),
      ...(after === undefined ? {} : { after }),
    })
    done += page.count
    how.told?.(done)
    after = page.next
  } while (after !== undefined)
  return done
}
