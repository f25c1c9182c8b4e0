import { z } from 'zod'
import type { JsonObject } from '../json.ts'
import { schemaForPerson } from './person-fields.ts'
import { tool } from './tool.ts'

const mostQuestions = 10
const mostOptions = 20
const longestAnswer = 10_000

const option = z.object({
  label: z.string().min(1).max(200),
  description: z.string().max(1_000).optional(),
})
const question = z
  .object({
    question: z.string().min(1).max(2_000),
    options: z
      .array(option)
      .min(2)
      .max(mostOptions)
      .optional()
      .describe('What to choose from; without options the answer is free text.'),
    multiple: z.boolean().default(false).describe('Whether several options may be chosen.'),
  })
  .refine(({ options = [] }) => new Set(options.map(({ label }) => label)).size === options.length, {
    path: ['options'],
    message: 'Each option has a label of its own.',
  })
type Question = z.infer<typeof question>

const answer = z.union([z.string().min(1).max(longestAnswer), z.array(z.string()).max(mostOptions)])
const input = z
  .object({
    questions: z.array(question).min(1).max(mostQuestions),
    answers: z.record(z.string(), answer),
  })
  .superRefine(({ questions, answers }, { addIssue }) => {
    for (const name of Object.keys(answers)) {
      if (!questions.some((_, index) => nameOf(index) === name))
        addIssue({ code: 'custom', path: ['answers', name], message: 'There is no such question.' })
    }
    for (const [index, asked] of questions.entries()) {
      const wrong = whatIsWrong(asked, answers[nameOf(index)])
      if (wrong !== null) addIssue({ code: 'custom', path: ['answers', nameOf(index)], message: wrong })
    }
  })

const nameOf = (index: number) => `q${index + 1}`

function whatIsWrong({ options, multiple }: Question, given: string | string[] | undefined): string | null {
  if (given === undefined) return 'This question is not answered.'
  if (!options) return typeof given === 'string' ? null : 'Give a text.'
  if (multiple !== Array.isArray(given)) return multiple ? 'Give a list of options.' : 'Give one option.'
  const chosen = [given].flat()
  const isOption = (label: string) => options.some((offered) => offered.label === label)
  if (!chosen.every(isOption)) return `The options are: ${options.map(({ label }) => label).join(', ')}.`
  return new Set(chosen).size === chosen.length ? null : 'Choose each option once.'
}

function schemaOf({ question: title, options, multiple }: Question): JsonObject {
  if (!options) return { type: 'string', title, minLength: 1, maxLength: longestAnswer }
  const choice: JsonObject = {
    oneOf: options.map(({ label, description }) => ({ const: label, ...(description && { description }) })),
  }
  return multiple ? { type: 'array', title, items: choice, uniqueItems: true } : { type: 'string', title, ...choice }
}

/** The answers to the questions of one call. */
function answersSchema({ questions }: JsonObject): JsonObject {
  const asked = z.array(question).parse(questions)
  const properties = Object.fromEntries(asked.map((one, index) => [nameOf(index), schemaOf(one)]))
  const answers = { type: 'object', properties, required: Object.keys(properties), additionalProperties: false }
  return { type: 'object', properties: { answers }, required: ['answers'], additionalProperties: false }
}

/**
 * A tool by which an agent asks a person: up to 10 questions, each free text or a choice among 2 to 20 options. The run pauses until they
 * are answered: by the requester, or by an approver with `{ ...askUser, approval: 'required' }`. The model gets questions and answers.
 *
 * @example
 * const planner = defineAgent({ name: 'planner', model, tools: { ask_user: askUser } })
 */
export const askUser = {
  ...tool({
    description:
      'Asks the person you work for. Use it when you need to know something that only they can tell, or to let them choose.',
    inputSchema: input,
    pause: 'user-input',
    userInput: ['answers'],
    execute: async ({ questions, answers }) =>
      questions.map((asked, index) => ({ question: asked.question, answer: answers[nameOf(index)] ?? null })),
  }),
  [schemaForPerson]: answersSchema,
}
