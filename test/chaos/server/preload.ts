import { enableCompileCache, flushCompileCache, registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

// Comes before everything else in a server process (`--import`): the server opens its database through `pointed-database.ts`, and nothing
// in `src` knows of it. Also, so many processes are started that it pays to keep what they compile.

const root = join(import.meta.dirname, '../../..')
const urlOf = (path: string) => pathToFileURL(join(root, path)).href
const database = urlOf('src/server/database.ts')
const pointed = urlOf('test/chaos/server/pointed-database.ts')

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    return found.url === database && context.parentURL !== pointed ? { ...found, url: pointed } : found
  },
})

enableCompileCache(join(root, 'node_modules/.cache/countersign/chaos'))
// A process that is killed keeps nothing.
setTimeout(flushCompileCache, 1_000).unref()
