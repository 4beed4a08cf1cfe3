import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Of a folder of the operator's choice for the native add-ons. No setting: it counts before any can be read. */
export const FOLDER_VARIABLE = 'MOORING_NATIVE_DIR'

/** Folders in which a native add-on may find a place to be loaded from, the likeliest first. */
export function addonFolders(env: NodeJS.ProcessEnv): string[] {
  const home = env['HOME']
  const folders = [
    env[FOLDER_VARIABLE],
    // systemd.exec(5): several are joined by colons.
    env['CACHE_DIRECTORY']?.split(':')[0],
    env['XDG_CACHE_HOME'],
    home && join(home, '.cache'),
    tmpdir(),
    '/dev/shm',
    '/var/tmp',
    home,
  ]
  return [...new Set(folders.filter((folder): folder is string => folder !== undefined && folder !== ''))]
}
