// For `node --import`: this process takes the time of day to be WRONG_BY ms later than it is. Its monotonic clock goes right.

const wrongBy = Number(process.env.WRONG_BY)
const RightDate = Date

globalThis.Date = class extends RightDate {
  constructor(...given: [] | [number | string | Date]) {
    if (given.length === 0) super(RightDate.now() + wrongBy)
    else super(...given)
  }
  static override now() {
    return RightDate.now() + wrongBy
  }
} as DateConstructor
