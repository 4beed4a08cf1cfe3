export { FORMAT, openDatabase, type Database } from './database.ts'
export { StorageError } from './errors.ts'
export { PRIVATE_FILE_MODE, PRIVATE_FOLDER_MODE, systemCode, writeFileDurably } from './files.ts'
export { Writer, type StoreLevel, type WriteOperation } from './writer.ts'
