import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const executable = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Whether browser tests are switched off (`BROWSER=off`): nothing else skips them. */
export const browserIsOff = process.env.BROWSER === 'off'

/** A real Chromium that asks nobody outside. Throws with the line that installs it when there is none. */
export async function openBrowser(): Promise<Browser> {
  if (!existsSync(executable)) {
    throw new Error(
      `There is no ${executable}: apt-get install -y --no-install-recommends chromium (or BROWSER=off leaves browser tests out).`,
    )
  }
  const quiet = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ]
  return await chromium.launch({ executablePath: executable, args: quiet })
}
