// The events that the flow sends, and what they add up to: worked out here from the vendor's documentation, in whole
// tenths, with none of the emulator's code.

export const START = Date.UTC(2026, 2, 1);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const DAYS = 3;
export const END = START + DAYS * DAY;
export const BATCH = 100;
const EVENTS = 1000;
const STEP = (DAYS * DAY) / EVENTS;

export const METRICS = [
  {
    name: "Tokens",
    aggregation_type: "SUM",
    aggregation_key: "tokens",
    event_type_filter: { in_values: ["llm.call"] },
    property_filters: [
      { name: "tokens", exists: true },
      { name: "model", exists: true },
      { name: "region", in_values: ["eu", "us"] },
    ],
    group_keys: [["model"], ["region"], ["model", "region"]],
  },
  {
    name: "Calls",
    aggregation_type: "COUNT",
    event_type_filter: { in_values: ["llm.call"] },
    property_filters: [{ name: "model" }],
    group_keys: [["model"]],
  },
  {
    name: "Peak seats",
    aggregation_type: "MAX",
    aggregation_key: "seats",
    event_type_filter: { not_in_values: ["llm.call"] },
    property_filters: [{ name: "seats", exists: true }],
  },
  {
    name: "Current seats",
    aggregation_type: "LATEST",
    aggregation_key: "seats",
    event_type_filter: { in_values: ["seats.report", "seats.audit"] },
    property_filters: [{ name: "seats", exists: true }],
  },
  {
    name: "Active users",
    aggregation_type: "UNIQUE",
    aggregation_key: "user",
    property_filters: [{ name: "user", exists: true }, { name: "region", not_in_values: ["ap"] }],
  },
];

// makeEvents makes events of amounts in tenths, which binary fractions cannot hold; every other number is a string.
export function makeEvents(northwind) {
  return Array.from({ length: EVENTS }, (_, i) => {
    const written = i % 2 ? String : (number) => number;
    const properties = { region: ["eu", "us", "ap"][Math.floor(i / 3) % 3] };
    if (i % 11 !== 10) properties.model = ["small", "large", "vision"][i % 3];
    const report = i % 5 === 4;
    if (report) {
      properties.seats = written((i * 53) % 997);
    } else {
      properties.tokens = written(((i * 37) % 1009) / 10);
      properties.user = `u${(i * i) % 41}`;
      if (i % 100 === 0) properties.trace = { hops: [i, "edge"] };
    }
    return {
      number: i,
      id: `tx-${i}`,
      sender: i % 25 === 0 ? "latecomer" : ["nw-eu", "nw-us", "contoso", northwind][i % 4],
      type: report ? "seats.report" : "llm.call",
      at: START + i * STEP,
      properties,
    };
  });
}

// wire is an event as the SDK takes it. Every third is written in the time of a zone two hours ahead.
export function wire(event, changed = {}) {
  const timestamp = event.number % 3 === 1
    ? new Date(event.at + 2 * HOUR).toISOString().replace("Z", "+02:00")
    : new Date(event.at).toISOString();
  return {
    transaction_id: event.id,
    customer_id: event.sender,
    event_type: event.type,
    timestamp,
    properties: { ...event.properties, ...changed },
  };
}

export function matches(metric, event) {
  const types = metric.event_type_filter ?? {};
  if (types.in_values && !types.in_values.includes(event.type)) return false;
  if (types.not_in_values?.includes(event.type)) return false;
  return metric.property_filters.every((wanted) => {
    const value = event.properties[wanted.name];
    if (wanted.exists && value === undefined) return false;
    if (wanted.in_values && !wanted.in_values.includes(value)) return false;
    return !wanted.not_in_values?.includes(value);
  });
}

// aggregate is the value of a metric over events that it matches; null without any.
export function aggregate(metric, events) {
  if (events.length === 0) return null;
  const values = events.map((e) => e.properties[metric.aggregation_key]);
  switch (metric.aggregation_type) {
    case "COUNT":
      return events.length;
    case "SUM":
      return values.reduce((tenths, value) => tenths + Math.round(Number(value) * 10), 0) / 10;
    case "MAX":
      return Math.max(...values.map(Number));
    case "LATEST":
      return Number(events.reduce((last, e) => (e.at > last.at ? e : last)).properties[metric.aggregation_key]);
    case "UNIQUE":
      return new Set(values.map(String)).size;
  }
  throw new Error(metric.aggregation_type);
}

function windows(size) {
  const step = { HOUR, DAY, NONE: END - START }[size];
  return Array.from({ length: (END - START) / step }, (_, i) => [START + i * step, START + (i + 1) * step]);
}

// usage is a value for each window, of the events that came under the given aliases or ids.
export function usage(events, metric, senders, size) {
  const own = events.filter((e) => senders.has(e.sender) && matches(metric, e));
  return windows(size).map(([from, to]) => ({ from, to, value: aggregate(metric, own.filter((e) => from <= e.at && e.at < to)) }));
}

// groups is a value for each window and combination of the keys' values that has usage: by window, then by values.
export function groups(events, metric, senders, size, keys, only = {}) {
  const own = events.filter((e) => senders.has(e.sender) && matches(metric, e)
    && Object.entries(only).every(([key, values]) => values.includes(e.properties[key])));
  let combinations = [{}];
  for (const key of keys) {
    const values = [...new Set(own.map((e) => e.properties[key]).filter((v) => v !== undefined))].sort();
    combinations = combinations.flatMap((group) => values.map((value) => ({ ...group, [key]: value })));
  }
  return windows(size).flatMap(([from, to]) => combinations.flatMap((group) => {
    const inside = own.filter((e) => from <= e.at && e.at < to && keys.every((key) => e.properties[key] === group[key]));
    return inside.length ? [{ from, to, group, value: aggregate(metric, inside) }] : [];
  }));
}
