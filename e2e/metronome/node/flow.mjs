// Drives Metronome's SDK for Node, unmodified, through the metering half of the API: node flow.mjs BASE_URL.
//
// It needs an empty world whose clock stands on 6 March 2026. Prints a line for each operation proved; ends with a
// message and a status of 1 at the first answer that is not what was expected.

import { randomUUID } from "node:crypto";

import Metronome from "@metronome/sdk";

import { collect, Difference, equal, proved, refused } from "./checks.mjs";
import { BATCH, END, groups, makeEvents, matches, METRICS, START, usage, wire } from "./workload.mjs";

const { AuthenticationError, BadRequestError, ConflictError, NotFoundError } = Metronome;

const iso = (at) => new Date(at).toISOString();
const range = { starting_on: iso(START), ending_before: iso(END) };

// Flow is one walk through the API. Each step leaves behind what the next ones need.
class Flow {
  constructor(url) {
    this.url = url;
    this.v1 = new Metronome({ baseURL: url, bearerToken: "any" }).v1;
  }

  async run() {
    await this.makeCustomers();
    await this.makeMetrics();
    await this.ingest();
    await this.readUsage();
    await this.readUsageByGroup();
    proved("ingestEvents", "listUsage");
    await this.pageThroughGroups();
    await this.searchEvents();
    await this.adoptLatecomer();
    await this.moveAlias();
    await this.pageThroughCustomers();
    await this.pageThroughMetrics();
    await this.customize();
    await this.askForTheRest();
    await this.meetErrors();
  }

  async makeCustomers() {
    const { customers } = this.v1;
    const made = (await customers.create({ name: "Northwind Ltd", ingest_aliases: ["nw-eu", "nw-us"] })).data;
    equal("the created customer", [made.name, made.ingest_aliases, made.external_id], ["Northwind Ltd", ["nw-eu", "nw-us"], "nw-eu"]);
    this.northwind = made.id;
    this.contoso = (await customers.create({ name: "Contoso", ingest_aliases: ["contoso"] })).data.id;
    const renamed = await customers.setName({ customer_id: this.northwind, name: "Northwind" });
    equal("the renamed customer", renamed.data.name, "Northwind");
    await customers.updateConfig({ customer_id: this.northwind, salesforce_account_id: "0015500001" });
    const read = (await customers.retrieve({ customer_id: this.northwind })).data;
    equal("the read customer", [read.id, read.name, read.ingest_aliases, read.customer_config.salesforce_account_id],
      [this.northwind, "Northwind", ["nw-eu", "nw-us"], "0015500001"]);
    this.owned = new Map([
      [this.northwind, new Set([this.northwind, "nw-eu", "nw-us"])],
      [this.contoso, new Set([this.contoso, "contoso"])],
    ]);
    proved("createCustomer", "setCustomerName", "updateCustomerConfig", "getCustomer");
  }

  async makeMetrics() {
    this.metrics = {};
    for (const definition of METRICS) {
      const made = (await this.v1.billableMetrics.create(definition)).data.id;
      const { id, custom_fields, ...read } = (await this.v1.billableMetrics.retrieve({ billable_metric_id: made })).data;
      equal("the read metric", [id, read], [made, definition]);
      this.metrics[definition.name] = made;
    }
    const offered = await collect(this.v1.customers.listBillableMetrics({ customer_id: this.contoso, limit: 2 }));
    equal("the customer's metrics", offered.map((m) => m.id), Object.values(this.metrics).sort());
    equal("their kinds in the older fields", Object.fromEntries(offered.map((m) => [m.name, m.aggregate])),
      Object.fromEntries(METRICS.map((m) => [m.name, m.aggregation_type.toLowerCase()])));
    proved("createBillableMetric", "getBillableMetric", "listCustomerBillableMetrics");
  }

  // ingest sends the last batch first, and every second one once more with other amounts, which must not count.
  async ingest() {
    this.events = makeEvents(this.northwind);
    const batches = [];
    for (let i = 0; i < this.events.length; i += BATCH) batches.push(this.events.slice(i, i + BATCH));
    for (const batch of batches.toReversed()) await this.v1.usage.ingest({ usage: batch.map((e) => wire(e)) });
    this.twice = new Set();
    for (const batch of batches.filter((_, i) => i % 2 === 1)) {
      batch.forEach((e) => this.twice.add(e.id));
      await this.v1.usage.ingest({ usage: batch.map((e) => wire(e, { tokens: "9999", seats: "9999", user: "nobody" })) });
    }
  }

  // readUsage compares every window of every metric and customer, to the last digit, in order.
  async readUsage() {
    for (const window_size of ["HOUR", "DAY", "NONE"]) {
      const rows = await collect(this.v1.usage.list({
        ...range, window_size, customer_ids: [...this.owned.keys()], billable_metrics: Object.values(this.metrics).map((id) => ({ id })),
      }));
      const want = [...this.owned].flatMap(([customer, senders]) => METRICS.flatMap((metric) =>
        usage(this.events, metric, senders, window_size).map((row) => [customer, this.metrics[metric.name], metric.name, row])));
      equal(`usage in windows of ${window_size}`, rows.map((r) => [r.customer_id, r.billable_metric_id, r.billable_metric_name,
        { from: Date.parse(r.start_timestamp), to: Date.parse(r.end_timestamp), value: r.value }]), want);
    }
  }

  // readUsageByGroup asks for the groups of one key: a value that never occurs is null, the total stays whole.
  async readUsageByGroup() {
    const senders = this.owned.get(this.contoso);
    const values = ["small", "vision", "absent"];
    const rows = await collect(this.v1.usage.list({
      ...range, window_size: "HOUR", customer_ids: [this.contoso],
      billable_metrics: [{ id: this.metrics.Tokens, group_by: { key: "model", values } }],
    }));
    const grouped = groups(this.events, METRICS[0], senders, "HOUR", ["model"]);
    const want = usage(this.events, METRICS[0], senders, "HOUR").map((row) => ({
      ...row,
      groups: Object.fromEntries(values.map((model) => [model, grouped.find((g) => g.from === row.from && g.group.model === model)?.value ?? null])),
    }));
    equal("usage with groups", rows.map((r) => (
      { from: Date.parse(r.start_timestamp), to: Date.parse(r.end_timestamp), value: r.value, groups: { ...r.groups } })), want);
  }

  async pageThroughGroups() {
    const ask = (metric, more) => this.v1.usage.listWithGroups({
      customer_id: this.northwind, billable_metric_id: this.metrics[metric], ...range, ...more });
    const shown = (r) => ({ from: Date.parse(r.starting_on), to: Date.parse(r.ending_before), group: { ...r.group }, value: r.value });
    const senders = this.owned.get(this.northwind);
    const both = ["model", "region"];

    let want = groups(this.events, METRICS[0], senders, "HOUR", both);
    const paged = { window_size: "HOUR", group_key: both, limit: 7 };
    const sizes = [];
    for await (const page of (await ask("Tokens", paged)).iterPages()) sizes.push(page.data.length);
    const full = Math.floor(want.length / 7);
    equal("the sizes of pages of 7", sizes, [...Array(full).fill(7), ...(want.length % 7 ? [want.length % 7] : [])]);
    equal("usage by model and region", (await collect(ask("Tokens", paged))).map(shown), want);

    const filtered = await collect(ask("Tokens", { window_size: "DAY", group_key: both, group_filters: { region: ["us"] } }));
    equal("usage by model in one region", filtered.map(shown), groups(this.events, METRICS[0], senders, "DAY", both, { region: ["us"] }));

    const byRegion = await collect(ask("Tokens", { window_size: "DAY", group_key: ["region"], limit: 1 }));
    want = groups(this.events, METRICS[0], senders, "DAY", ["region"]);
    equal("usage by region", byRegion.map(shown), want);
    equal("usage by region, the older fields", byRegion.map((r) => ({ [r.group_key]: r.group_value })), want.map((w) => w.group));

    const calls = await collect(ask("Calls", { window_size: "NONE", group_key: ["model"] }));
    const nameless = this.events.filter((e) => senders.has(e.sender) && e.type === "llm.call" && !("model" in e.properties));
    equal("calls without a model", calls.filter((r) => r.group_value === null).map((r) => r.value), [nameless.length]);
    equal("calls by model", calls.filter((r) => r.group_value !== null).map(shown), groups(this.events, METRICS[1], senders, "NONE", ["model"]));

    const whole = await collect(ask("Tokens", { window_size: "DAY" }));
    equal("usage without groups", whole.map((r) => ({ from: Date.parse(r.starting_on), to: Date.parse(r.ending_before), value: r.value })),
      usage(this.events, METRICS[0], senders, "DAY"));
    equal("usage without groups has no key", whole.map((r) => r.group_key), whole.map(() => null));
    proved("listUsageWithGroups");
  }

  async searchEvents() {
    const wanted = [0, 150, 199, 300, 999].map((i) => this.events[i]);
    const found = await this.v1.usage.search({ transactionIds: ["tx-none", ...wanted.map((e) => e.id)] });
    const ownerOf = (sender) => [...this.owned].find(([, senders]) => senders.has(sender))?.[0];
    for (const event of wanted) {
      const copies = found.filter((f) => f.transaction_id === event.id);
      equal(`event ${event.id}: its copies`, copies.map((c) => c.is_duplicate), this.twice.has(event.id) ? [false, true] : [false]);
      const [first] = copies;
      equal(`event ${event.id}`, [first.customer_id, first.event_type, Date.parse(first.timestamp), first.properties],
        [event.sender, event.type, event.at, event.properties]);
      const owner = ownerOf(event.sender);
      equal(`event ${event.id}: its customer`, first.matched_customer?.id, owner);
      if (owner) {
        equal(`event ${event.id}: its metrics`, first.matched_billable_metrics.map((m) => m.name).sort(),
          METRICS.filter((m) => matches(m, event)).map((m) => m.name).sort());
      }
    }
    equal("events found", found.length, wanted.reduce((n, e) => n + (this.twice.has(e.id) ? 2 : 1), 0));
    proved("searchEvents");
  }

  // adoptLatecomer makes a customer after its events came in; it has them all the same.
  async adoptLatecomer() {
    const late = (await this.v1.customers.create({ name: "Latecomer", ingest_aliases: ["latecomer"] })).data.id;
    this.owned.set(late, new Set([late, "latecomer"]));
    await this.readUsage();
  }

  // moveAlias gives an alias to another customer, once its owner lets go of it; then all of its usage follows.
  async moveAlias() {
    const set = (customer_id, ...ingest_aliases) => this.v1.customers.setIngestAliases({ customer_id, ingest_aliases });
    await refused("an alias that another customer has", ConflictError, () => set(this.contoso, "contoso", "nw-us"));
    await set(this.northwind, "nw-eu");
    await set(this.contoso, "contoso", "nw-us");
    const owners = await collect(this.v1.customers.list({ ingest_alias: "nw-us" }));
    equal("who has the alias now", owners.map((c) => c.id), [this.contoso]);
    this.owned.get(this.northwind).delete("nw-us");
    this.owned.get(this.contoso).add("nw-us");
    await this.readUsage();
    proved("setIngestAliases");
  }

  async pageThroughCustomers() {
    const { customers } = this.v1;
    const listed = async (query) => (await collect(customers.list(query))).map((c) => c.id);
    let ids = [...this.owned.keys()];
    for (let i = 0; i < 20; i++) ids.push((await customers.create({ name: `Customer ${i}` })).data.id);
    ids.sort(); // all of one instant
    const sizes = [];
    for await (const page of (await customers.list({ limit: 7 })).iterPages()) sizes.push(page.data.length);
    equal("the sizes of pages of 7", sizes, [7, 7, 7, 2]);
    equal("the customers", await listed({ limit: 7 }), ids);
    equal("two customers by their ids", await listed({ customer_ids: [ids[9], ids[4]] }), [ids[4], ids[9]]);
    equal("a customer by its account", await listed({ salesforce_account_ids: ["0015500001"] }), [this.northwind]);
    const gone = ids.find((id) => !this.owned.has(id));
    equal("the archived customer", (await customers.archive({ id: gone })).data.id, gone);
    equal("the customers left", await listed({ limit: 7 }), ids.filter((id) => id !== gone));
    equal("the archived customers", await listed({ only_archived: true }), [gone]);
    const { archived_at } = (await customers.retrieve({ customer_id: gone })).data;
    equal("an archived customer's date is set", Number.isNaN(Date.parse(archived_at)), false);
    proved("listCustomers", "archiveCustomer");
  }

  async pageThroughMetrics() {
    const { billableMetrics } = this.v1;
    const known = Object.values(this.metrics);
    const ids = [...known];
    for (let i = 0; i < 9; i++) ids.push((await billableMetrics.create({ name: `Metric ${i}`, aggregation_type: "COUNT" })).data.id);
    ids.sort();
    const gone = ids.find((id) => !known.includes(id));
    equal("the archived metric", (await billableMetrics.archive({ id: gone })).data.id, gone);
    const active = await collect(billableMetrics.list({ limit: 5 }));
    equal("the metrics", active.map((m) => m.id), ids.filter((id) => id !== gone));
    const every = await collect(billableMetrics.list({ limit: 5, include_archived: true }));
    equal("the metrics, archived ones too", every.map((m) => m.id), ids);
    equal("which are archived", every.filter((m) => m.archived_at).map((m) => m.id), [gone]);
    proved("listBillableMetrics", "archiveBillableMetric");
  }

  async customize() {
    const { customFields: fields } = this.v1;
    const entity = "customer";
    const own = async () => (await this.v1.customers.retrieve({ customer_id: this.contoso })).data.custom_fields;
    const keys = async () => (await collect(fields.listKeys({ entities: [entity] }))).map((k) => [k.key, k.enforce_uniqueness]);
    await fields.addKey({ entity, key: "tier", enforce_uniqueness: false });
    await fields.addKey({ entity, key: "account", enforce_uniqueness: true });
    equal("the keys of customers", await keys(), [["account", true], ["tier", false]]);
    await fields.setValues({ entity, entity_id: this.contoso, custom_fields: { tier: "gold", account: "17" } });
    equal("custom fields set", await own(), { tier: "gold", account: "17" });
    await fields.deleteValues({ entity, entity_id: this.contoso, keys: ["tier"] });
    equal("custom fields left", await own(), { account: "17" });
    await refused("a key that nobody registered", BadRequestError,
      () => fields.setValues({ entity, entity_id: this.contoso, custom_fields: { colour: "red" } }));
    await fields.removeKey({ entity, key: "tier" });
    equal("the keys left", await keys(), [["account", true]]);
    proved("addCustomFieldKey", "listCustomFieldKeys", "setCustomFieldValues", "deleteCustomFieldValues", "removeCustomFieldKey");
  }

  // askForTheRest asks about a customer without a contract: no costs, no draft invoice, but a dashboard's address.
  async askForTheRest() {
    const customer_id = this.northwind;
    const { url } = (await this.v1.dashboards.getEmbeddableURL({ customer_id, dashboard: "usage" })).data;
    equal("an address", URL.canParse(url), true);
    equal("the costs", await collect(this.v1.customers.listCosts({ customer_id, ...range })), []);
    equal("the previewed invoices", (await this.v1.customers.previewEvents({ customer_id, events: [{ event_type: "llm.call" }] })).data, []);
    proved("getEmbeddableDashboardUrl", "listCustomerCosts", "previewEvents");
  }

  async meetErrors() {
    const noToken = new Metronome({ baseURL: this.url, bearerToken: "any", defaultHeaders: { Authorization: null } });
    await refused("no token", AuthenticationError, () => noToken.v1.customers.list());
    const nobody = randomUUID();
    await refused("an unknown customer", NotFoundError, () => this.v1.customers.retrieve({ customer_id: nobody }));
    await refused("an unknown metric", NotFoundError, () => this.v1.billableMetrics.retrieve({ billable_metric_id: nobody }));
    await refused("an alias that was given", ConflictError, () => this.v1.customers.create({ name: "Twin", ingest_aliases: ["contoso"] }));
    await refused("a range from noon", BadRequestError,
      () => this.v1.usage.list({ ...range, starting_on: iso(START + 12 * 3_600_000), window_size: "DAY" }));
    await refused("101 events", BadRequestError, () => this.v1.usage.ingest({ usage: this.events.slice(0, 101).map((e) => wire(e)) }));
    const old = { ...wire(this.events[0]), transaction_id: "tx-old", timestamp: "2026-01-01T00:00:00Z" };
    await refused("an event of two months ago", BadRequestError, () => this.v1.usage.ingest({ usage: [old] }));
    equal("refused events that were stored", [...await this.v1.usage.search({ transactionIds: ["tx-old"] })], []);
  }
}

if (process.argv.length !== 3) {
  console.error("usage: node flow.mjs BASE_URL");
  process.exit(1);
}
try {
  await new Flow(process.argv[2]).run();
} catch (e) {
  console.error(e instanceof Difference ? e.message : e);
  process.exit(1);
}
