import { existsSync } from 'node:fs'

/** Debian's, Ubuntu's, Google's. */
export const CHROMIUM_PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'] as const

/** `MOORING_CHROMIUM`, or where packages put it. */
export const findChromium = (): string | undefined =>
  [process.env['MOORING_CHROMIUM'] ?? '', ...CHROMIUM_PLACES].find((place) => place !== '' && existsSync(place))

/** Its sandbox refuses to run as root, and in many containers there is nobody else. */
export const chromiumArgs = (): string[] => (process.getuid?.() === 0 ? ['--no-sandbox'] : [])
