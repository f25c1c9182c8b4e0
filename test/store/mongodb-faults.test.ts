import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { MongoClient } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { isUnavailable } from '../../src/errors.ts'
import { type ApprovalId, newRunId, type RunId } from '../../src/ids.ts'
import { collectionsOf, fromRun } from '../../src/store/mongodb/documents.ts'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import type { RunRecord } from '../../src/store/records.ts'
import type { News, Store } from '../../src/store/store.ts'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import { failPoint } from '../support/mongodb-fail-point.ts'
import { type MongoProxy, mongoProxy } from '../support/mongodb-proxy.ts'
import { type MongoServer, startMongoServer } from '../support/mongodb-server.ts'
import { run as runNode } from '../support/spawn-server.ts'
import {
  admin,
  anApproval,
  anEntry,
  aResolution,
  aRun,
  aStep,
  claimed,
  completed,
  lease,
  paused,
  running,
} from './records.ts'

/** In ms. How long a lost server is waited for: by those whose trouble passes, and by those whose trouble lasts. */
const patient = 5_000
const hasty = 700
const timeouts = { socketTimeoutMS: 1_000, connectTimeoutMS: 500, heartbeatFrequencyMS: 500 }
/** What is asked while the server is known to be away, and what finds out, which the driver asks twice; with time for a busy machine. */
const knownWithin = hasty + 1_500
const foundWithin = 2 * timeouts.socketTimeoutMS + knownWithin
/** How long is waited, in ms, for what comes by itself once the trouble is over: on a busy machine the server takes its time. */
const eventually = 30_000

let server: MongoServer
let databases = 0

type Opened = { readonly store: Store; readonly heard: News[]; readonly url: string }

function freshUrl({ through = server as Pick<MongoServer, 'url'>, waits = patient } = {}): string {
  databases += 1
  const options = Object.entries({ ...timeouts, serverSelectionTimeoutMS: waits }).map(([name, ms]) => `&${name}=${ms}`)
  return `${through.url(`faults_${databases}`)}${options.join('')}`
}

/** A store on a database of its own, which is closed with the test. */
async function open(given: Parameters<typeof freshUrl>[0] = {}): Promise<Opened> {
  const url = freshUrl(given)
  const store = await openMongoStore({ url })
  onTestFinished(() => store[Symbol.asyncDispose]())
  const heard: News[] = []
  store.changes((news) => heard.push(news))
  return { store, heard, url }
}

async function openProxy(): Promise<MongoProxy> {
  const proxy = await mongoProxy(server)
  onTestFinished(() => proxy[Symbol.asyncDispose]())
  return proxy
}

/** What became of it, and how long that took, in ms. Any other error than STORE_UNAVAILABLE is thrown. */
async function attempt<Value>(work: Promise<Value>) {
  const asked = performance.now()
  try {
    return { value: await work, error: null, ms: performance.now() - asked }
  } catch (error) {
    if (!isUnavailable(error)) throw error
    return { value: undefined, error, ms: performance.now() - asked }
  }
}

type Write = {
  /** The commands that it makes of it, those in a transaction last. */
  readonly commands: readonly string[]
  /** Sets the scene; `times` says how often the write has been done. */
  prepare(store: Store): Promise<{ write(): Promise<unknown>; times(): Promise<number> }>
}

const present = async (store: Store, id: RunId): Promise<RunRecord> => {
  const run = await store.runs.get(id)
  if (run === null) throw new Error(`There is no ${id}`)
  return run
}

/** The commands of a step whose entries, approvals and marks are all there are. */
const transaction = ['commitTransaction', 'insert', 'findAndModify']

const writes: Readonly<Record<string, Write>> = {
  create: {
    commands: transaction,
    async prepare(store) {
      const run = aRun()
      return {
        write: () => store.runs.create(run, anEntry(run, 1)),
        times: async () => (await store.journal.read(run.id, 0, 5)).length,
      }
    },
  },
  claim: {
    commands: ['findAndModify'],
    async prepare(store) {
      const run = aRun()
      await store.runs.create(run, anEntry(run, 1))
      return {
        write: () => store.runs.claimOrSignal(run.id, lease(1_000)),
        times: async () => (await present(store, run.id)).fence,
      }
    },
  },
  'claim of what is due': {
    commands: ['findAndModify'],
    async prepare(store) {
      const run = aRun({ agentName: newRunId() })
      await store.runs.create(run, anEntry(run, 1))
      return {
        write: () => store.runs.claimDue([run.agentName], 5, lease(1_000)),
        times: async () => (await present(store, run.id)).fence,
      }
    },
  },
  renew: {
    commands: ['findAndModify'],
    async prepare(store) {
      const run = await claimed(store)
      return {
        write: () => store.runs.renew(run.id, run.fence, 9_000),
        times: async () => ((await present(store, run.id)).lease?.until === 9_000 ? 1 : 0),
      }
    },
  },
  signal: {
    commands: ['findAndModify'],
    async prepare(store) {
      const run = await claimed(store)
      return {
        write: () => store.runs.signal(run.id, { by: admin, at: 1, reason: null }),
        times: async () => (await present(store, run.id)).signals,
      }
    },
  },
  decide: {
    commands: ['findAndModify'],
    async prepare(store) {
      const { ids } = await paused(store)
      const id = ids[0] as ApprovalId
      return {
        write: async () => {
          const decided = await store.approvals.decide(id, 'acme', {}, aResolution())
          if (!decided.won) throw new Error('It has lost against itself.')
        },
        times: async () => Number((await store.approvals.get(id))?.revision) - 1,
      }
    },
  },
  step: {
    commands: [...transaction, 'update'],
    async prepare(store) {
      const { run, ids } = await paused(store)
      await store.approvals.decide(ids[0] as ApprovalId, 'acme', {}, aResolution())
      const taken = await store.runs.claimOrSignal(run.id, lease(1_000))
      if (taken === null) throw new Error('It is not to be had.')
      const propose = [anApproval(taken, {}, 3)]
      const step = aStep(taken, { propose, heard: ids, head: { ...running, gated: true } })
      return {
        write: async () => {
          if ((await store.runs.step(step)) === null) throw new Error('It has lost against itself.')
        },
        // All of it or nothing.
        times: async () => {
          const { seq } = await present(store, run.id)
          const [entry, approval, heard] = await Promise.all([
            store.journal.read(run.id, 2, 5),
            store.approvals.getMany(propose.map(({ id }) => id)),
            store.approvals.getMany(ids),
          ])
          const parts = [seq - 2, entry.length, approval.length, heard.filter(({ unheard }) => !unheard).length]
          expect(new Set(parts).size, `parts of a step: ${parts}`).toBe(1)
          return seq - 2
        },
      }
    },
  },
  'last step': {
    commands: [...transaction, 'update'],
    async prepare(store) {
      const { run, ids } = await paused(store)
      const taken = await store.runs.claimOrSignal(run.id, lease(1_000))
      if (taken === null) throw new Error('It is not to be had.')
      const cancelPending = aResolution({ status: 'CANCELLED', cause: 'CANCELLATION' })
      const step = aStep(taken, { head: completed, cancelPending, release: { signals: taken.signals, due: null } })
      return {
        write: async () => {
          if ((await store.runs.step(step)) === null) throw new Error('It has lost against itself.')
        },
        times: async () => {
          const { seq, lease } = await present(store, run.id)
          const [approval] = await store.approvals.getMany(ids)
          expect([lease === null, approval?.revision]).toEqual(seq === 3 ? [true, 2] : [false, 1])
          return seq - 2
        },
      }
    },
  },
  'name of a principal': {
    commands: ['update'],
    async prepare(store) {
      const principal = { tenant: 'acme', id: admin, name: newRunId() }
      return {
        write: () => store.principals.put(principal),
        times: async () => ((await store.principals.getMany('acme', [admin]))[0]?.name === principal.name ? 1 : 0),
      }
    },
  },
}

const eachCommand = Object.entries(writes).flatMap(([name, { commands }]) =>
  commands.map((command) => [name, command] as const),
)
const isTransaction = (name: string) => writeOf(name).commands.includes('commitTransaction')
const writeOf = (name: string): Write => {
  const write = writes[name]
  if (!write) throw new Error(`There is no ${name}`)
  return write
}

describe.skipIf(mongodbIsOff())('a MongoDB store', { timeout: 180_000 }, () => {
  beforeAll(async () => {
    server = await startMongoServer()
  }, 180_000)
  afterEach(() => {
    server.thaw()
    return server.restart()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  describe('whose connection is lost', () => {
    test.each(eachCommand)('%s: before %s is done', async (name, command) => {
      const { store } = await open()
      for (const lost of [1, 2, 4]) {
        const { write, times } = await writeOf(name).prepare(store)
        const fault = await failPoint(server, { failCommands: [command], closeConnection: true }, lost)
        const { error } = await attempt(write())
        await fault[Symbol.asyncDispose]()
        // Once is what the driver hides; a transaction is done again as often as there is time for.
        if (lost === 1 || isTransaction(name)) expect(error).toBeNull()
        expect(await times()).toBe(error === null ? 1 : 0)
        if (error !== null) {
          await write()
          expect(await times()).toBe(1)
        }
      }
    })

    test.each(eachCommand)('%s: after %s was done, which is not done again', async (name, command) => {
      const proxy = await openProxy()
      const { store } = await open({ through: proxy })
      for (const lost of [1, 2, 4]) {
        const { write, times } = await writeOf(name).prepare(store)
        proxy.loseAnswers(command, lost)
        const { error } = await attempt(write())
        proxy.loseAnswers(command, 0)
        if (lost === 1 || isTransaction(name)) expect(error).toBeNull()
        expect(await times()).toBe(1)
      }
    })

    test('an abort that is not heard keeps nobody from what it wrote', async () => {
      const proxy = await openProxy()
      const { store } = await open({ through: proxy })
      const run = await claimed(store)
      const taken = aRun({ sessionId: run.sessionId, id: run.id })
      const step = aStep(run)
      // A transaction that nobody ends stays for a minute. STORE_UNAVAILABLE for the lost connections is an answer, and the caller asks again.
      const soon = { timeout: 10_000, interval: 50 }
      await using _ = await failPoint(server, { failCommands: ['abortTransaction'], closeConnection: true }, 5)
      const created = await vi.waitFor(() => store.runs.create(taken, anEntry(taken, 1)), soon)
      expect(created).toEqual({ outcome: 'exists', run })
      await vi.waitFor(() => store.runs.step(step), soon)
      expect(await present(store, run.id)).toMatchObject({ seq: 2 })
      expect(await store.journal.read(run.id, 1, 5)).toEqual(step.entries)
    })
  })

  describe('whose server has stepped down, or shuts down', () => {
    test.each([10107, 91, 189, 11600])(
      'code %i: once is not noticed; what lasts is said in time, and heals',
      async (code) => {
        const { store } = await open()
        for (const name of ['create', 'decide', 'step']) {
          const { commands, prepare } = writeOf(name)
          const { write, times } = await prepare(store)
          await using _ = await failPoint(server, { failCommands: commands, errorCode: code }, 1)
          await write()
          expect([name, await times()]).toEqual([name, 1])
        }
        const { store: waiting } = await open({ waits: hasty })
        for (const name of code === 10107 ? ['decide', 'create', 'step'] : ['step']) {
          const { commands, prepare } = writeOf(name)
          const { write, times } = await prepare(waiting)
          const fault = await failPoint(server, { failCommands: commands, errorCode: code })
          const { error, ms } = await attempt(write())
          expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/\w+\.$/) })
          expect(ms).toBeLessThan(foundWithin)
          await fault[Symbol.asyncDispose]()
          expect(await times()).toBe(0)
          await vi.waitFor(write, eventually)
          expect(await times()).toBe(1)
        }
      },
    )
  })

  describe('that no majority confirms', () => {
    const writeConcernError = {
      code: 64,
      codeName: 'WriteConcernTimeout',
      errmsg: 'waiting',
      errInfo: { wtimeout: true },
    }
    const unconfirmed = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('no majority has confirmed it') }

    test.each(['claim', 'renew', 'signal', 'decide'])('%s: it is not acknowledged, and stands', async (name) => {
      const { store } = await open()
      const { commands, prepare } = writeOf(name)
      const { write, times } = await prepare(store)
      await using _ = await failPoint(server, { failCommands: commands, writeConcernError }, 1)
      await expect(write()).rejects.toMatchObject(unconfirmed)
      expect(await times()).toBe(1)
    })

    test.each(['create', 'step', 'last step'])(
      '%s: the commit is asked for again, as long as there is time',
      async (name) => {
        const { store } = await open()
        const failCommands = ['commitTransaction']
        const confirmed = await writeOf(name).prepare(store)
        const fault = await failPoint(server, { failCommands, writeConcernError }, 3)
        await confirmed.write()
        expect(await confirmed.times()).toBe(1)
        await fault[Symbol.asyncDispose]()

        const { store: waiting } = await open({ waits: hasty })
        const { write, times } = await writeOf(name).prepare(waiting)
        const lasting = await failPoint(server, { failCommands, writeConcernError })
        const { error, ms } = await attempt(write())
        await lasting[Symbol.asyncDispose]()
        expect(error).toMatchObject(unconfirmed)
        expect(ms).toBeLessThan(foundWithin)
        expect(await times()).toBe(1)
      },
    )
  })

  describe('whose transactions collide', () => {
    test.each(['create', 'step', 'last step'])('%s: it is done again, as long as there is time', async (name) => {
      const { store } = await open()
      for (const command of writeOf(name).commands) {
        const { write, times } = await writeOf(name).prepare(store)
        await using _ = await failPoint(server, { failCommands: [command], errorCode: 112 }, 5)
        await write()
        expect(await times()).toBe(1)
      }
      const { store: waiting } = await open({ waits: hasty })
      const { write, times } = await writeOf(name).prepare(waiting)
      const lasting = await failPoint(server, { failCommands: ['commitTransaction'], errorCode: 112 })
      const { error, ms } = await attempt(write())
      await lasting[Symbol.asyncDispose]()
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('WriteConflict') })
      expect(ms).toBeLessThan(foundWithin)
      expect(await times()).toBe(0)
      await write()
      expect(await times()).toBe(1)
    })
  })

  describe('whose change stream breaks', () => {
    const patientOther = {
      serverSelectionTimeoutMS: eventually,
      connectTimeoutMS: eventually,
      socketTimeoutMS: eventually,
    }
    /** A change by somebody else, which the stream alone can bring. */
    async function changeByOthers({ url }: Opened): Promise<News> {
      await using client = new MongoClient(url, patientOther)
      const { id, ...run } = aRun()
      await collectionsOf(client.db(), '').runs.insertOne(fromRun({ id, ...run }, null))
      return { kind: 'run', id, seq: 1 }
    }
    const toldOf = ({ heard }: Opened, ...oneOf: News[]) =>
      vi.waitFor(
        () => expect(heard.filter((news) => oneOf.some((one) => isDeepStrictEqual(one, news)))).not.toEqual([]),
        eventually,
      )
    const missed: News = { kind: 'missed' }

    /** Whatever happens, a change is told, or that some may have been missed; and when it is over, the next one is. */
    async function goesOn(opened: Opened, fault?: AsyncDisposable) {
      for (let changes = 0; changes < 3; changes += 1) {
        opened.heard.length = 0
        await toldOf(opened, missed, await changeByOthers(opened))
      }
      await fault?.[Symbol.asyncDispose]()
      await vi.waitFor(async () => {
        const change = await changeByOthers(opened)
        await vi.waitFor(() => expect(opened.heard).toContainEqual(change), 2_000)
      }, eventually)
    }

    test('a cursor that is killed', async () => {
      const proxy = await openProxy()
      const opened = await open({ through: proxy })
      await using client = new MongoClient(server.url('admin'))
      for (let kills = 0; kills < 3; kills += 1) {
        await goesOn(opened)
        const {
          getMore: cursor,
          collection,
          $db,
        } = await vi.waitFor(() => proxy.last('getMore') ?? expect.fail(), eventually)
        await client.db($db).command({ killCursors: collection, cursors: [cursor] })
        await expect(client.db($db).command({ getMore: cursor, collection })).rejects.toMatchObject({ code: 43 })
      }
      await goesOn(opened)
    })

    test.each([
      ['getMore', ['getMore'], 1],
      ['getMore and aggregate', ['getMore', 'aggregate'], 4],
    ])(
      'history that is lost (286) at %s: it opens anew, says so, and news flow again',
      async (_, failCommands, times) => {
        const opened = await open()
        await using _fault = await failPoint(server, { failCommands, errorCode: 286 }, times)
        await toldOf(opened, missed)
        await goesOn(opened)
      },
    )

    test('a connection that is lost again and again', async () => {
      const opened = await open()
      for (let lost = 0; lost < 5; lost += 1) {
        const fault = { failCommands: ['getMore', 'aggregate'], closeConnection: true }
        await goesOn(opened, await failPoint(server, fault, 3))
      }
    })

    test('a server that is killed and started again', async () => {
      const opened = await open({ waits: hasty })
      for (let killed = 0; killed < 2; killed += 1) {
        await server.kill('SIGKILL')
        const away = performance.now()
        expect((await attempt(opened.store.ping())).ms).toBeLessThan(foundWithin)
        // The driver looks for the server twice before it gives the stream up: were it back by then, nothing would be missed.
        while (performance.now() - away < 3 * hasty) {
          const { error, ms } = await attempt(opened.store.ping())
          expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
          expect(ms).toBeLessThan(knownWithin)
        }
        opened.heard.length = 0
        await server.restart()
        await toldOf(opened, missed)
        await goesOn(opened)
      }
    })
  })

  describe('whose server hangs', () => {
    test('everything says so in time, and goes on when it answers again, with nothing locked', async () => {
      const { store } = await open({ waits: hasty })
      const scenes = await Promise.all(Object.values(writes).map(({ prepare }) => prepare(store)))
      server.freeze()
      const found = await Promise.all(scenes.map(({ write }) => attempt(write())))
      for (const { error, ms } of found) {
        expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
        expect(ms).toBeLessThan(foundWithin)
      }
      const known = await Promise.all(scenes.map(({ write }) => attempt(write())))
      for (const { error, ms } of known) {
        expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
        expect(ms).toBeLessThan(knownWithin)
      }
      server.thaw()
      await vi.waitFor(() => store.ping(), eventually)
      for (const { write, times } of scenes) {
        // What was sent before it hung may have been done since.
        if ((await times()) === 0) await vi.waitFor(write, eventually)
        expect(await times()).toBeGreaterThanOrEqual(1)
      }
      const run = await vi.waitFor(() => claimed(store), eventually)
      expect(await store.runs.step(aStep(run))).toMatchObject({ seq: 2 })
    })
  })

  describe('that is closed', () => {
    const closedWithin = foundWithin + 2 * (timeouts.connectTimeoutMS + timeouts.heartbeatFrequencyMS) + 1_000
    const moments: Readonly<Record<string, () => unknown>> = {
      'while all is well': () => {},
      'when the server has just been killed': () => server.kill('SIGKILL'),
      'when the server has long been away': () => server.kill('SIGKILL').then(() => delay(2_000)),
      'when the server has just begun to hang': () => server.freeze(),
      'when the server has long hung': () => {
        server.freeze()
        return delay(3_000)
      },
      'while its change stream fails': async () => {
        const fault = await failPoint(server, { failCommands: ['getMore', 'aggregate'], errorCode: 286 })
        onTestFinished(() => fault[Symbol.asyncDispose]())
        await delay(500)
      },
    }

    test.each(Object.entries(moments))('%s: in time, and nothing of it is left in the process', async (_, moment) => {
      const url = freshUrl({ waits: hasty })
      const child = runNode([join(import.meta.dirname, 'close-on-signal.ts'), url], {})
      onTestFinished(() => child.kill('SIGKILL').then(() => {}))
      await child.line(/open/)
      await moment()
      const asked = performance.now()
      const exit = await child.kill('SIGTERM')
      const ms = performance.now() - asked
      expect([exit, child.stdout().split('\n'), child.stderr()]).toEqual([
        { code: 0, signal: null },
        ['open', 'closed', ''],
        '',
      ])
      expect(ms).toBeLessThan(closedWithin)
    })

    test('while its change stream is opened anew: it is not left open', async () => {
      const proxy = await openProxy()
      const { store } = await open({ through: proxy })
      const before = proxy.last('aggregate')
      proxy.delayAnswers('aggregate', 700)
      await failPoint(server, { failCommands: ['getMore'], errorCode: 286 }, 1)
      await vi.waitFor(() => expect(proxy.last('aggregate')).not.toBe(before), eventually)
      const asked = performance.now()
      await store[Symbol.asyncDispose]()
      expect(performance.now() - asked).toBeLessThan(closedWithin)
    })
  })
})
