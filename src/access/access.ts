import type { Logger } from 'pino'
import type { Store } from '../store/store.ts'
import { actingFor } from './acting-for.ts'
import { isMeantAsKey, keyIdOf } from './api-key.ts'
import { type Authenticate, type Identify, identifyWith, localAdmin, type SignIn } from './authenticate.ts'
import { jwtIdentity } from './by-jwt.ts'
import { identifyByKey } from './by-key.ts'
import type { JwtSettings } from './jwt-settings.ts'
import { knownKeys } from './known-keys.ts'
import { lastUse } from './last-use.ts'
import { type Watch, watching } from './watch.ts'

/** By what callers are known. One's own `authenticate` excludes the others. */
export type AccessSettings = {
  readonly authenticate?: Authenticate | undefined
  readonly jwt?: JwtSettings | undefined
  /** Whether a key is asked for before there is any. */
  readonly apiKeys: boolean
}

export type Access = Disposable & {
  /** Whether nobody has to say who they are. A server that is open closes for good once there is an API key. */
  readonly isOpen: boolean
  readonly identify: Identify
  readonly watch: Watch
}

/** How often, in ms, an open server looks whether there are keys by now. */
const everyMs = 2_000

/** The way in of one server, on a store that is open. */
export async function openAccess(
  { authenticate, jwt, apiKeys }: AccessSettings,
  store: Pick<Store, 'keys' | 'now'>,
  log: Logger,
): Promise<Access> {
  await using opening = new AsyncDisposableStack()
  const known = knownKeys(store.keys)
  const live = opening.use(watching(known, store.now))
  const keyed = { known, used: lastUse(store, log), now: store.now }
  const byJwt = jwt && opening.use(jwtIdentity(jwt, log))
  // A revoked key counts too: whoever revokes the last one does not mean to let everybody in.
  const hasKeys = async () => (await store.keys.list(1)).length > 0
  let isOpen = authenticate === undefined && jwt === undefined && !apiKeys && !(await hasKeys())

  const looking = isOpen
    ? setInterval(async () => {
        if (await hasKeys().catch(() => false)) close()
      }, everyMs).unref()
    : undefined
  opening.defer(() => clearInterval(looking))

  function close() {
    if (!isOpen) return
    isOpen = false
    clearInterval(looking)
    log.warn('there is an API key: from now on everybody has to sign in')
    live.endUnknown()
  }

  async function byToken(token: string | null): Promise<SignIn> {
    // Who has a key need not wait until the server has noticed.
    const id = isOpen && token !== null ? keyIdOf(token) : null
    if (id !== null && (await known.find(id)) !== null) close()
    if (isOpen) return { identity: localAdmin }
    if (token === null) return { refused: 'NO_TOKEN' }
    if (isMeantAsKey(token)) return identifyByKey(token, keyed)
    return byJwt === undefined ? { refused: 'MALFORMED' } : byJwt.identify(token)
  }

  const opened = opening.move()
  return {
    get isOpen() {
      return isOpen
    },
    identify:
      authenticate === undefined
        ? async (token, _request, given) => {
            const signIn = await byToken(token)
            return 'identity' in signIn ? actingFor(signIn.identity, given) : signIn
          }
        : identifyWith(authenticate),
    watch: live.watch,
    [Symbol.dispose]: () => void opened.disposeAsync(),
  }
}
