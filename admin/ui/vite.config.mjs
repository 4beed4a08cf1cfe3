import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { leanUplot } from './lean-uplot.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** Where each operation is in the HTTP API, taken from the table that the server is made from. */
function operationRoutes() {
  const id = 'virtual:operations'
  return {
    name: 'operation-routes',
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    async load(source) {
      if (source !== `\0${id}`) return undefined
      const { operations } = await import(here('../../dist/admin/operations/index.js'))
      const routes = Object.entries(operations).map(([name, { route }]) => [name, `${route.method} ${route.path}`])
      return `export const routes = ${JSON.stringify(Object.fromEntries(routes))}`
    },
  }
}

/** The description of the API for people: of its package two files are enough. The page around them is in `public/docs`. */
function apiDescription() {
  const { resolve } = createRequire(import.meta.url)
  return {
    name: 'api-description',
    generateBundle() {
      for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css']) {
        const source = readFileSync(resolve(`swagger-ui-dist/${name}`))
        this.emitFile({ type: 'asset', fileName: `docs/${name}`, source })
      }
    },
  }
}

/** Nothing here has style sheets or scripts to load beside what it imports: Vite's helper for that would be 1 kB for nothing. */
function plainImports() {
  return {
    name: 'plain-imports',
    enforce: 'pre',
    load: { filter: { id: /vite\/preload-helper/ }, handler: () => 'export const __vitePreload = (load) => load()' },
  }
}

export default defineConfig({
  root: here('.'),
  base: '/',
  plugins: [operationRoutes(), apiDescription(), leanUplot(), plainImports()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: here('../../dist/ui'),
    emptyOutDir: true,
    // The policy of the page allows no data: URLs, and one request less is worth nothing here.
    assetsInlineLimit: 0,
    rolldownOptions: { checks: { pluginTimings: false } },
    modulePreload: false,
    // Those that know `light-dark()` by themselves: 2024 and later.
    target: ['chrome123', 'firefox120', 'safari17.5'],
  },
})
