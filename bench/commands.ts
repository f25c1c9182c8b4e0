import { type CommandStartedEvent, type CommandSucceededEvent, MongoClient } from 'mongodb'
import { ConnectionString } from 'mongodb-connection-string-url'

/** The URL of a database, whose clients tell of their commands. */
export function monitored(url: string): string {
  const told = new ConnectionString(url)
  told.searchParams.set('monitorCommands', 'true')
  return told.toString()
}

export type CommandListener = {
  started(event: CommandStartedEvent): void
  succeeded(event: CommandSucceededEvent): void
}

/** From here on tells of every command of this process's clients with a {@link monitored} URL. The store hands out none of its own. */
export function onCommands(listener: CommandListener): void {
  MongoClient.prototype.emit = new Proxy(MongoClient.prototype.emit, {
    apply(emit, client: MongoClient, [name, event]) {
      if (name === 'commandStarted') listener.started(event)
      if (name === 'commandSucceeded') listener.succeeded(event)
      return Reflect.apply(emit, client, [name, event])
    },
  })
}

/** What the commands of one transaction, or the one command outside of any, have in common. */
export const unitOf = ({ lsid, txnNumber }: CommandStartedEvent['command']): string =>
  `${lsid?.id?.toString('hex')} ${txnNumber}`
