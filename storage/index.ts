export { openDatabase, type Database, type DatabaseOptions } from './database.ts'
export { StorageError, StoreUnavailable } from './errors.ts'
export { PRIVATE_FILE_MODE, PRIVATE_FOLDER_MODE, systemCode, writeFileDurably } from './files.ts'
export { checkFolder, type FolderCheck } from './folder-check.ts'
export { generatedText } from './generated-file.ts'
export type { Migrated, Migration, MigrationBatch } from './migrations.ts'
export { readNow } from './read-now.ts'
export {
  Writer,
  type Commit,
  type Durability,
  type StoreLevel,
  type WriteOperation,
  type WriterParts,
} from './writer.ts'
