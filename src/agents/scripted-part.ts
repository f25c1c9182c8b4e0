import type { LanguageModelV4StreamPart, SharedV4ProviderMetadata } from '@ai-sdk/provider'

/** One piece of a scripted answer. */
export type ScriptedPart =
  /** Streamed in a few pieces. */
  | { readonly text: string; readonly providerMetadata?: SharedV4ProviderMetadata }
  | { readonly reasoning: string; readonly providerMetadata?: SharedV4ProviderMetadata }
  /** A tool call; text as `input` is sent as it is, also when it is no JSON. */
  | {
      readonly call: string
      readonly input?: unknown
      readonly id?: string
      readonly providerMetadata?: SharedV4ProviderMetadata
    }
  /** The stream reports an error and ends. */
  | { readonly error: unknown }
  /** Parts of the stream as they are; a `finish` among them replaces the one that is made otherwise. */
  | { readonly parts: LanguageModelV4StreamPart | readonly LanguageModelV4StreamPart[] }

type Pieces = readonly LanguageModelV4StreamPart[]

/** Turns one scripted answer into the parts of a stream, in the order in which a provider sends them. */
export class PartWriter {
  readonly #idPrefix: string
  #count = 0
  #finish: 'stop' | 'tool-calls' | 'error' = 'stop'
  #finished = false

  constructor(idPrefix: string) {
    this.#idPrefix = idPrefix
  }

  begin(): Pieces {
    return [{ type: 'stream-start', warnings: [] }]
  }

  read(part: ScriptedPart): Pieces {
    const id = `${this.#count++}`
    if ('text' in part) return block('text', id, part.text, part.providerMetadata)
    if ('reasoning' in part) return block('reasoning', id, part.reasoning, part.providerMetadata)
    if ('error' in part) {
      this.#finish = 'error'
      return [{ type: 'error', error: part.error }]
    }
    if ('parts' in part) {
      const pieces = Array.isArray(part.parts) ? part.parts : [part.parts]
      this.#finished ||= pieces.some(({ type }) => type === 'finish')
      return pieces
    }
    if (this.#finish === 'stop') this.#finish = 'tool-calls'
    const { call, input = {}, id: toolCallId = `${this.#idPrefix}_${id}`, providerMetadata } = part
    const text = typeof input === 'string' ? input : JSON.stringify(input)
    return [
      { type: 'tool-call', toolCallId, toolName: call, input: text, ...(providerMetadata && { providerMetadata }) },
    ]
  }

  end(): Pieces {
    return this.#finished
      ? []
      : [{ type: 'finish', usage: noUsage, finishReason: { unified: this.#finish, raw: undefined } }]
  }
}

const noUsage = {
  inputTokens: { total: 0, noCache: 0, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 0, text: 0, reasoning: undefined },
}

function block(
  kind: 'text' | 'reasoning',
  id: string,
  text: string,
  providerMetadata: SharedV4ProviderMetadata | undefined,
): Pieces {
  const metadata = providerMetadata && { providerMetadata }
  const deltas = piecesOf(text).map((delta) => ({ type: `${kind}-delta` as const, id, delta }))
  return [{ type: `${kind}-start`, id }, ...deltas, { type: `${kind}-end`, id, ...metadata }]
}

/** At most five pieces that never part the two halves of a character. */
function piecesOf(text: string): string[] {
  const size = Math.ceil(text.length / 4)
  const pieces: string[] = []
  for (let from = 0; from < text.length; ) {
    const cut = from + size
    const to = isHighSurrogate(text.charCodeAt(cut - 1)) ? cut + 1 : cut
    pieces.push(text.slice(from, to))
    from = to
  }
  return pieces
}

const isHighSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdbff
