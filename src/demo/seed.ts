import type { DatabaseSync } from 'node:sqlite'

const names = [
  'Mina Alder, Tomas Birch, Ines Cedar, Otto Drift, Lena Ember, Hugo Fern, Nora Glade, Paul Heath, Rosa Iris, Karl Juniper',
  'Elsa Kelp, Max Larch, Ivy Maple, Leo Nettle, Amy Oakes, Finn Poplar, Uma Quill, Sam Reed, Zoe Sage, Ben Thorne',
]
  .join(', ')
  .split(', ')

const items = [
  { item: 'Desk lamp', cents: 3_900 },
  { item: 'Coffee grinder', cents: 5_450 },
  { item: 'Wool blanket', cents: 7_200 },
  { item: 'Bicycle bell', cents: 1_250 },
  { item: 'Tea kettle', cents: 4_800 },
]

/** Fills the empty tables: users u_1 to u_20 with one to three orders each, and u_42 with three. All are made up. */
export function seed(database: DatabaseSync): void {
  const addUser = database.prepare('INSERT INTO users (id, name, email) VALUES (?, ?, ?)')
  const addOrder = database.prepare('INSERT INTO orders (id, user_id, item, cents) VALUES (?, ?, ?, ?)')
  let orderNumber = 1_001
  const add = (id: string, name: string, orders: number) => {
    addUser.run(id, name, `${name.toLowerCase().replace(' ', '.')}@example.com`)
    for (let n = 0; n < orders; n += 1, orderNumber += 1) {
      const { item, cents } = items[orderNumber % items.length] ?? { item: 'Gift card', cents: 2_000 }
      addOrder.run(`o_${orderNumber}`, id, item, cents)
    }
  }
  for (const [index, name] of names.entries()) add(`u_${index + 1}`, name, 1 + (index % 3))
  add('u_42', 'Dana Whitfield', 3)
}
