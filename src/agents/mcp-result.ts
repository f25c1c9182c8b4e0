import type { ToolResultOutput } from '@ai-sdk/provider-utils'
import { z } from 'zod'

/** What an MCP tool gave, as it is recorded: the blocks of its content as they came, binary ones in base64. */
export type McpResult = {
  readonly content: readonly { readonly [name: string]: unknown; readonly type: string }[]
  readonly structuredContent?: unknown
}

const result = z.object({
  content: z.array(z.looseObject({ type: z.string() })).default([]),
  structuredContent: z.unknown().optional(),
  isError: z.boolean().default(false),
})

/**
 * Reads the answer to a call.
 *
 * @throws Error with the tool's words, when it says that it failed; and when the answer is none.
 */
export function readResult(answer: unknown): McpResult {
  const { data, error } = result.safeParse(answer)
  if (error) throw new Error(`The call ran, but its result cannot be read: ${z.prettifyError(error)}`)
  const { isError, content, structuredContent } = data
  if (isError) throw new Error(textsOf(content).join('\n') || 'The tool failed without a message.')
  return structuredContent === undefined ? { content } : { content, structuredContent }
}

type Content = Extract<ToolResultOutput, { type: 'content' }>['value']
type Part = Content[number]

/**
 * A result for the model: text, images and PDFs as what they are; of what models do not take, that it is there. Structured content is for programs,
 * and servers say the same in blocks: the model gets it when there are none.
 */
export function toModelOutput({ output: { content, structuredContent } }: { output: McpResult }): ToolResultOutput {
  const blocks = content.length > 0 || structuredContent === undefined ? content : [structuredContent]
  // Providers refuse empty text.
  const parts = blocks.map((block) => modelPart.parse(block)).filter((part) => part.type !== 'text' || part.text !== '')
  const texts = parts.flatMap((part) => (part.type === 'text' ? part.text : []))
  if (texts.length < parts.length) return { type: 'content', value: parts }
  return { type: 'text', value: texts.join('\n') || 'The tool gave nothing back.' }
}

/** What the models that take files take, in a tool's result; with others the whole request would fail. */
const shown = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'application/pdf']

const text = (words: string): Part => ({ type: 'text', text: words })
const file = (data: string, mediaType: string): Part =>
  shown.includes(mediaType)
    ? { type: 'file', data: { type: 'data', data }, mediaType }
    : text(`[Data of type ${mediaType}, which is not shown to you.]`)

const textBlock = z.object({ type: z.literal('text'), text: z.string() })
const modelPart = z.union([
  textBlock.transform((block) => text(block.text)),
  z
    .object({ type: z.enum(['image', 'audio']), data: z.string(), mimeType: z.string() })
    .transform(({ data, mimeType }) => file(data, mimeType)),
  z
    .object({ type: z.literal('resource'), resource: z.object({ text: z.string() }) })
    .transform(({ resource }) => text(resource.text)),
  z
    .object({
      type: z.literal('resource'),
      resource: z.object({ blob: z.string(), mimeType: z.string().default('application/octet-stream') }),
    })
    .transform(({ resource }) => file(resource.blob, resource.mimeType)),
  // Links to resources, and what later versions of the protocol bring.
  z.unknown().transform((block) => text(JSON.stringify(block))),
])

const textsOf = (content: McpResult['content']): string[] =>
  content.flatMap((block) => textBlock.safeParse(block).data?.text ?? [])
