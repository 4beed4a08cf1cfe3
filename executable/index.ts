export { isSingleExecutable, packagedFile, packagedFileNames, pageFiles } from './packaged-files.ts'
