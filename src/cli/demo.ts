import { Command } from 'commander'

/** Plays the story in the terminal, against a fresh temporary database. */
export const demoCommand = (): Command =>
  new Command('demo').description('play the whole story in the terminal').action(async () => {
    const { playStory } = await import('../demo/story.ts')
    process.exitCode = await playStory()
  })
