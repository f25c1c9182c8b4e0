import { expect, test } from 'vitest'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { testServer } from '../support/test-server.ts'
import { browserIsOff, openBrowser } from './browser.ts'

const echo = defineAgent({ name: 'echo', model: scriptedModel([{ text: 'Hello.' }]) })

test.skipIf(browserIsOff)(
  'GraphiQL opens in a browser, runs an operation, and loads nothing from elsewhere',
  async () => {
    await using api = await testServer({ agents: [echo], authenticate: null })
    const browser = await openBrowser()
    await using _ = { [Symbol.asyncDispose]: () => browser.close() }
    const page = await browser.newPage()
    const elsewhere: string[] = []
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url())
      if (protocol.startsWith('http') && origin !== api.url) elsewhere.push(request.url())
    })
    await page.goto(`${api.endpoint}?query=${encodeURIComponent('{ agents { name } }')}`)
    await page.getByRole('button', { name: /execute query/i }).click()
    await page.getByText('"echo"').first().waitFor()
    expect(elsewhere).toEqual([])
  },
  60_000,
)
