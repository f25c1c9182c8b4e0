import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { started } from './records.ts'

// A server to be killed: holds the database it is given, writes a run, says its id and stays.

const [path = ''] = process.argv.slice(2)
const store = await openSqliteStore({ path })
const { id } = await started(store)
console.log(id)
setInterval(() => {}, 60_000)
