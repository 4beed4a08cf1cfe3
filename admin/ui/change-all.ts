import { ask, type Request } from './api.ts'

type Change = Request<'changeDevices'>['change']
export type Filter = Request<'changeDevices'>['devices']

/** As many as the server does in one go. */
const AT_ONCE = 500

/**
 * Does the same to all devices that are meant, page by page, so that no request lasts for minutes.
 *
 * @param how.told - hears how many were done so far.
 * @param how.isOver - whether nobody wants the rest any more.
 * @returns how many there are.
 */
export async function changeAll(
  change: Change,
  devices: Filter,
  how: { dryRun?: boolean; told?: (done: number) => void; isOver?: () => boolean } = {},
): Promise<number> {
  const dryRun = how.dryRun ?? false
  let done = 0
  let after: string | undefined
  do {
    const page = await ask('changeDevices', {
      change,
      devices,
      limit: AT_ONCE,
      dryRun,
      ...(after === undefined ? {} : { after }),
    })
    done += page.matched
    how.told?.(done)
    after = page.next
  } while (after !== undefined && how.isOver?.() !== true)
  return done
}

/** How many are meant; asking changes nothing. */
export const countAll = (devices: Filter): Promise<number> =>
  changeAll({ kind: 'disconnect' }, devices, { dryRun: true })
