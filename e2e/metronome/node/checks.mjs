// What the flow says: a line for each operation proved, and a message that tells what was expected.

import { isDeepStrictEqual } from "node:util";

import { VERSION } from "@metronome/sdk/version";

export class Difference extends Error {}

export function proved(...operations) {
  for (const operation of operations) console.log(JSON.stringify({ operation, sdk: `@metronome/sdk ${VERSION}` }));
}

export function equal(what, got, want) {
  if (isDeepStrictEqual(got, want)) return;
  if (!Array.isArray(got) || !Array.isArray(want)) throw new Difference(`${what}: ${show(got)}, want ${show(want)}`);
  const row = got.findIndex((g, i) => i >= want.length || !isDeepStrictEqual(g, want[i]));
  if (row >= 0 && row < want.length) throw new Difference(`${what}: row ${row} is\n  ${show(got[row])}\nwant\n  ${show(want[row])}`);
  throw new Difference(`${what}: ${got.length} rows, want ${want.length}`);
}

// refused wants a call to fail with one class of the SDK's errors, and with a message in the vendor's shape.
export async function refused(what, kind, call) {
  let failure;
  try {
    await call();
  } catch (e) {
    failure = e;
  }
  if (!(failure instanceof kind)) throw new Difference(`${what}: ${failure ?? "no error"}, want ${kind.name}`);
  if (!failure.error?.message) throw new Difference(`${what}: the error has no message: ${show(failure.error)}`);
}

// collect walks a list by the SDK's own pager.
export async function collect(pages) {
  const rows = [];
  for await (const row of pages) rows.push(row);
  return rows;
}

function show(value) {
  return JSON.stringify(value instanceof Set ? [...value] : value);
}
