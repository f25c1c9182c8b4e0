import type { TextDelta } from './hub.ts'

/** What the model said and nobody has pulled yet, in the order it was said; never more than a bound. */
export type SpokenText = {
  hear(delta: TextDelta): void
  /** The next of this step's text; what is left of earlier steps is stale and dropped. */
  take(step: number): TextDelta | undefined
  /** The step of the last delta that was kept; -1 for none. */
  readonly step: number
}

/** In UTF-16 units; each piece costs some more than its text. */
const keepAtMost = 64 * 1024
const costOfPiece = 64

export function createSpokenText(): SpokenText {
  let pieces: TextDelta[] = []
  let size = 0
  /** The step of which something was dropped: the rest of it would have a hole. */
  let dropped = -1

  const keep = (kept: TextDelta[]) => {
    pieces = kept
    size = kept.reduce((sum, { delta }) => sum + delta.length + costOfPiece, 0)
  }

  return {
    hear(delta) {
      if (delta.offset === 0) {
        // The step's text begins anew, after a failure: what was said of it before is void.
        keep(pieces.filter(({ step }) => step !== delta.step))
        dropped = -1
      } else if (dropped === delta.step) return
      const last = pieces.at(-1)
      if (last && last.step === delta.step && last.offset + last.delta.length === delta.offset) {
        pieces[pieces.length - 1] = { ...delta, offset: last.offset, delta: last.delta + delta.delta }
        size += delta.delta.length
      } else {
        pieces.push(delta)
        size += delta.delta.length + costOfPiece
      }
      if (size <= keepAtMost) return
      keep([])
      dropped = delta.step
    },
    take(step) {
      if (pieces.some((piece) => piece.step < step)) keep(pieces.filter((piece) => piece.step >= step))
      if (pieces[0]?.step !== step) return
      const [first, ...rest] = pieces
      keep(rest)
      return first
    },
    get step() {
      return pieces.at(-1)?.step ?? -1
    },
  }
}
