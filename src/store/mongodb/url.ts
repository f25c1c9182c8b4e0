import { ConnectionString } from 'mongodb-connection-string-url'
import { CountersignError } from '../../errors.ts'

export const isMongoUrl = (url: string): boolean => /^mongodb(\+srv)?:/.test(url)

/**
 * The database that a URL names. No message shows the URL: it may hold a password.
 *
 * @throws CountersignError INVALID_CONFIGURATION when it is malformed or names none.
 */
export function databaseNameOf(url: string): string {
  const { name } = parse(url)
  if (name === '') {
    throw new CountersignError(
      'INVALID_CONFIGURATION',
      'the MongoDB URL names no database: add one, such as mongodb://localhost:27017/countersign',
    )
  }
  if (!/^[^/\\. "$*<>:|?\0]{1,63}$/.test(name)) {
    throw new CountersignError('INVALID_CONFIGURATION', `MongoDB has no database of the name '${name}'`)
  }
  return name
}

/** For people: hosts and database, without credentials and options. */
export function describeUrl(url: string): string {
  const { protocol, hosts, name } = parse(url)
  return `${protocol}//${hosts.join(',')}/${name}`
}

function parse(url: string) {
  try {
    const { protocol, hosts, pathname } = new ConnectionString(url)
    return { protocol, hosts, name: decodeURIComponent(pathname.slice(1)) }
  } catch {
    throw new CountersignError(
      'INVALID_CONFIGURATION',
      'the MongoDB URL cannot be read: it is mongodb://host:port/database?options, with user:password@ before the host if need be, and special characters of these two percent-encoded',
    )
  }
}
