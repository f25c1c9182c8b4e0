import { readFileSync } from 'node:fs'
import { checkDatabase, defaultDatabaseUrl, type NamedDatabase } from './database.ts'

/** A `mistake` is a line for people. It shows neither the URL nor a file's name, where somebody may have put the URL. */
type DatabaseUrl = { readonly url: string } | Mistake
type Mistake = { readonly mistake: string }
type Env = Readonly<Record<string, string | undefined>>

/**
 * Which database the environment names: by DATABASE_URL, or by DATABASE_URL_FILE, a file that holds the URL (a mounted secret);
 * and by DATABASE_PREFIX what the names of its tables or collections begin with.
 */
export function readDatabase(env: Env): NamedDatabase | Mistake {
  const read = readUrl(env)
  return 'url' in read && env.DATABASE_PREFIX ? { ...read, prefix: env.DATABASE_PREFIX } : read
}

function readUrl(env: Env): DatabaseUrl {
  const { DATABASE_URL: url, DATABASE_URL_FILE: file, NODE_ENV } = env
  if (url && file) return { mistake: 'DATABASE_URL_FILE: DATABASE_URL is set too: keep one of them.' }
  if (file) return fromFile(file)
  if (url) return checked('DATABASE_URL', url)
  if (NODE_ENV !== 'production') return { url: defaultDatabaseUrl }
  return {
    mistake:
      'DATABASE_URL: must be set with NODE_ENV=production, such as mongodb://db1/countersign or file:/var/lib/countersign/countersign.db; or DATABASE_URL_FILE, a file that holds it.',
  }
}

function fromFile(path: string): DatabaseUrl {
  const wrong = (what: string) => ({ mistake: `DATABASE_URL_FILE: ${what}.` })
  let url: string
  try {
    url = readFileSync(path, 'utf8').trim()
  } catch (error) {
    return wrong(
      `the file cannot be read (${error instanceof Error && 'code' in error ? error.code : 'unknown error'})`,
    )
  }
  if (url === '') return wrong('the file is empty')
  // The parser of URLs would leave line breaks out and read on.
  if (/[\r\n]/.test(url)) return wrong('the file must hold one line, the URL')
  return checked('DATABASE_URL_FILE', url)
}

function checked(name: string, url: string): DatabaseUrl {
  try {
    checkDatabase(url)
    return { url }
  } catch (error) {
    return { mistake: `${name}: ${error instanceof Error ? error.message : String(error)}.` }
  }
}
