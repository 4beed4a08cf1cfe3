export { isSingleExecutable, packagedFile, packagedFileNames } from './packaged-files.ts'
