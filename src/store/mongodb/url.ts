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
    // Not shown: with a password that is not encoded it may be a part of that.
    throw new CountersignError('INVALID_CONFIGURATION', 'the MongoDB URL names a database by what is no name')
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
    if (pathname.includes('@')) throw new Error('A part of it was meant to be user or password')
    return { protocol, hosts, name: decodeURIComponent(pathname.slice(1)) }
  } catch {
    throw new CountersignError(
      'INVALID_CONFIGURATION',
      'the MongoDB URL cannot be read: it is mongodb://host:port/database?options, with user:password@ before the host if need be, and special characters of these two percent-encoded',
    )
  }
}
