import { fileURLToPath } from 'node:url'

/** The compiled harness is in `dist/bench/`. */
export const repository = fileURLToPath(new URL('../../', import.meta.url))
/** The built page. */
export const uiFolder = fileURLToPath(new URL('../ui/', import.meta.url))
export const program = fileURLToPath(new URL('../main.js', import.meta.url))

export const contestantScript = (name: string): string =>
  fileURLToPath(new URL(`contestants/${name}.js`, import.meta.url))
