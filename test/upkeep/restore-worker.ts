import { restoreBackup } from '../../upkeep/index.ts'

// Restores until it is done or killed.

const [, , file = '', folder = ''] = process.argv
await restoreBackup(file, folder)
