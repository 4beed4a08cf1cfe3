export { buildStore } from './build-store.ts'
export { chunksOf } from './chunks-of.ts'
export { isHeld } from './condition.ts'
export { STORE_FOLDER } from './data-folder.ts'
export { openDatabase, type Database, type DatabaseOptions } from './database.ts'
export { StorageError, StoreUnavailable } from './errors.ts'
export {
  createFileDurably,
  PRIVATE_FILE_MODE,
  PRIVATE_FOLDER_MODE,
  syncFolder,
  systemCode,
  writeFileDurably,
} from './files.ts'
export { Findings, isText, keyText, type RecordFault } from './findings.ts'
export { checkFolder, type FolderCheck } from './folder-check.ts'
export { generatedText, GENERATED_FILES } from './generated-file.ts'
export { FORMAT, IDENTITY_FILE, parseIdentity, textOf, type Identity } from './identity.ts'
export type { Damage } from './integrity.ts'
export { keepOpen } from './keep-open.ts'
export { META, META_KEYS, metaKey, metaOf, type StoreMeta } from './meta.ts'
export { formatAfter, MIGRATIONS, type Migrated, type Migration, type MigrationBatch } from './migrations.ts'
export { readNow } from './read-now.ts'
export { SalvagedStore, type KeyBounds, type StoredRecord } from './salvage.ts'
export { parseWitness, WITNESS_FILE, witnessText, type Reached } from './witness.ts'
export {
  Writer,
  type Commit,
  type Durability,
  type StoreLevel,
  type WriteOperation,
  type WriterParts,
} from './writer.ts'
export { diskUse, type DiskUse } from './disk-use.ts'
