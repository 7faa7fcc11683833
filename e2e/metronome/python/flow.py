"""Drives Metronome's Python SDK, unmodified, through the metering half of the API: flow.py BASE_URL.

It needs an empty world whose clock stands on 6 March 2026. Prints a line for each operation proved; ends with a
message and a status of 1 at the first answer that is not what was expected.
"""

import asyncio
import sys
from uuid import uuid4

import metronome
from metronome import AsyncMetronome, BadRequestError, ConflictError, Metronome, NotFoundError

import workload
from checks import equal, proved, refused, utc
from workload import BATCH, END, METRICS, START


class Flow:
    """One walk through the API. Each step leaves behind what the next ones need."""

    def __init__(self, url: str):
        self.url = url
        self.client = Metronome(base_url=url, bearer_token="any", _strict_response_validation=True)
        self.v1 = self.client.v1

    def run(self) -> None:
        self.make_customers()
        self.make_metrics()
        self.ingest()
        self.read_usage()
        self.read_usage_by_group()
        proved("ingestEvents", "listUsage")
        self.page_through_groups()
        self.search_events()
        self.adopt_latecomer()
        self.move_alias()
        self.page_through_customers()
        self.page_through_metrics()
        self.customize()
        self.ask_for_the_rest()
        self.meet_errors()
        asyncio.run(self.read_asynchronously())

    def make_customers(self) -> None:
        made = self.v1.customers.create(name="Northwind Ltd", ingest_aliases=["nw-eu", "nw-us"]).data
        equal("the created customer", (made.name, made.ingest_aliases, made.external_id), ("Northwind Ltd", ["nw-eu", "nw-us"], "nw-eu"))
        self.northwind = made.id
        self.contoso = self.v1.customers.create(name="Contoso", ingest_aliases=["contoso"]).data.id
        equal("the renamed customer", self.v1.customers.set_name(customer_id=self.northwind, name="Northwind").data.name, "Northwind")
        self.v1.customers.update_config(customer_id=self.northwind, salesforce_account_id="0015500001")
        read = self.v1.customers.retrieve(customer_id=self.northwind).data
        equal("the read customer", (read.id, read.name, read.ingest_aliases, read.customer_config.salesforce_account_id),
              (self.northwind, "Northwind", ["nw-eu", "nw-us"], "0015500001"))
        self.owned = {self.northwind: {self.northwind, "nw-eu", "nw-us"}, self.contoso: {self.contoso, "contoso"}}
        proved("createCustomer", "setCustomerName", "updateCustomerConfig", "getCustomer")

    def make_metrics(self) -> None:
        self.metrics = {}
        for definition in METRICS:
            made = self.v1.billable_metrics.create(**{**definition, "name": "To be renamed"}).data.id
            self.v1.billable_metrics.update(billable_metric_id=made, name=definition["name"])
            read = self.v1.billable_metrics.retrieve(billable_metric_id=made).data
            got = read.to_dict(exclude_none=True)
            equal("the read metric", {k: got.get(k) for k in definition}, definition)
            self.metrics[definition["name"]] = made
        offered = list(self.v1.customers.list_billable_metrics(customer_id=self.contoso, limit=2))
        equal("the customer's metrics", [(m.id, m.name) for m in offered], sorted((id, name) for name, id in self.metrics.items()))
        equal("their kinds in the older fields", {m.name: m.aggregate for m in offered},
              {m["name"]: m["aggregation_type"].lower() for m in METRICS})
        proved("createBillableMetric", "renameBillableMetric", "getBillableMetric", "listCustomerBillableMetrics")

    def ingest(self) -> None:
        """Sends the last batch first, and every second batch once more with other amounts, which must not count."""
        self.events = workload.make_events(self.northwind)
        batches = [self.events[i : i + BATCH] for i in range(0, len(self.events), BATCH)]
        for batch in reversed(batches):
            self.v1.usage.ingest(usage=[e.wire() for e in batch])
        self.twice = {e.transaction_id for batch in batches[1::2] for e in batch}
        for batch in batches[1::2]:
            self.v1.usage.ingest(usage=[e.wire(tokens="9999", seats="9999", user="nobody") for e in batch])

    def read_usage(self) -> None:
        """Every window of every metric and customer, to the last digit, in order."""
        for size in ("HOUR", "DAY", "NONE"):
            rows = self.v1.usage.list(
                starting_on=START, ending_before=END, window_size=size, customer_ids=list(self.owned),
                billable_metrics=[{"id": id} for id in self.metrics.values()],
            )
            got = [(r.customer_id, r.billable_metric_id, r.billable_metric_name, *utc(r.start_timestamp, r.end_timestamp), r.value) for r in rows]
            equal(f"usage in windows of {size}", got, [
                (customer, self.metrics[metric["name"]], metric["name"], *row)
                for customer, senders in self.owned.items()
                for metric in METRICS
                for row in workload.usage(self.events, metric, senders, size)
            ])

    def read_usage_by_group(self) -> None:
        """Asks for the groups of one key: a value that never occurs is null, the total stays whole."""
        metric, senders = METRICS[0], self.owned[self.contoso]
        rows = self.v1.usage.list(
            starting_on=START, ending_before=END, window_size="HOUR", customer_ids=[self.contoso],
            billable_metrics=[{"id": self.metrics["Tokens"], "group_by": {"key": "model", "values": ["small", "vision", "absent"]}}],
        )
        got = [(*utc(r.start_timestamp, r.end_timestamp), r.groups, r.value) for r in rows]
        grouped = {(a, group["model"]): value for a, _, group, value in workload.groups(self.events, metric, senders, "HOUR", ["model"])}
        equal("usage with groups", got, [
            (a, b, {model: grouped.get((a, model)) for model in ("small", "vision", "absent")}, value)
            for a, b, value in workload.usage(self.events, metric, senders, "HOUR")
        ])

    def page_through_groups(self) -> None:
        def ask(metric: str, **more):
            return self.v1.usage.list_with_groups(
                customer_id=self.northwind, billable_metric_id=self.metrics[metric], starting_on=START, ending_before=END, **more)

        tokens, senders = METRICS[0], self.owned[self.northwind]
        both = ask("Tokens", window_size="HOUR", group_key=["model", "region"], limit=7)
        sizes = [len(page.data) for page in both.iter_pages()]
        want = workload.groups(self.events, tokens, senders, "HOUR", ["model", "region"])
        equal("the sizes of pages of 7", sizes, [7] * (len(want) // 7) + [len(want) % 7] * (len(want) % 7 > 0))
        equal("usage by model and region", [(*utc(r.starting_on, r.ending_before), r.group, r.value) for r in both], want)

        rows = ask("Tokens", window_size="DAY", group_key=["model", "region"], group_filters={"region": ["us"]})
        equal("usage by model in one region", [(*utc(r.starting_on, r.ending_before), r.group, r.value) for r in rows],
              workload.groups(self.events, tokens, senders, "DAY", ["model", "region"], region=["us"]))

        rows = ask("Tokens", window_size="DAY", group_key=["region"], limit=1)
        equal("usage by region", [(*utc(r.starting_on, r.ending_before), {r.group_key: r.group_value}, r.value) for r in rows],
              workload.groups(self.events, tokens, senders, "DAY", ["region"]))

        rows = list(ask("Calls", window_size="NONE", group_key=["model"]))
        nameless = [e for e in self.events if e.sender in senders and e.type == "llm.call" and "model" not in e.properties]
        equal("calls without a model", [r.value for r in rows if r.group_value is None], [len(nameless)])
        equal("calls by model", [(*utc(r.starting_on, r.ending_before), r.group, r.value) for r in rows if r.group_value],
              workload.groups(self.events, METRICS[1], senders, "NONE", ["model"]))

        rows = ask("Tokens", window_size="DAY")
        equal("usage without groups", [(*utc(r.starting_on, r.ending_before), r.group_key, r.value) for r in rows],
              [(a, b, None, value) for a, b, value in workload.usage(self.events, tokens, senders, "DAY")])
        proved("listUsageWithGroups")

    def search_events(self) -> None:
        wanted = [self.events[i] for i in (0, 150, 199, 300, 999)]
        found = self.v1.usage.search(transaction_ids=["tx-none", *(e.transaction_id for e in wanted)])
        customers = {sender: id for id, senders in self.owned.items() for sender in senders}
        for event in wanted:
            copies = [f for f in found if f.transaction_id == event.transaction_id]
            what = f"event {event.transaction_id}"
            equal(f"{what}: its copies", [c.is_duplicate for c in copies], [False, True] if event.transaction_id in self.twice else [False])
            first = copies[0]
            equal(what, (first.customer_id, first.event_type, *utc(first.timestamp), first.properties),
                  (event.sender, event.type, event.at, event.properties))
            matched = first.matched_customer.id if first.matched_customer else None
            equal(f"{what}: its customer", matched, customers.get(event.sender))
            if matched:
                equal(f"{what}: its metrics", sorted(m.name for m in first.matched_billable_metrics),
                      sorted(m["name"] for m in METRICS if workload.matches(m, event)))
        equal("events found", len(found), sum(2 if e.transaction_id in self.twice else 1 for e in wanted))
        proved("searchEvents")

    def adopt_latecomer(self) -> None:
        """A customer who is made after its events came in has them all the same."""
        late = self.v1.customers.create(name="Latecomer", ingest_aliases=["latecomer"]).data.id
        self.owned[late] = {late, "latecomer"}
        self.read_usage()

    def move_alias(self) -> None:
        """An alias changes hands only when its owner lets go of it; then all of its usage follows."""
        aliases = self.v1.customers.set_ingest_aliases
        refused("an alias that another customer has", ConflictError,
                lambda: aliases(customer_id=self.contoso, ingest_aliases=["contoso", "nw-us"]))
        aliases(customer_id=self.northwind, ingest_aliases=["nw-eu"])
        aliases(customer_id=self.contoso, ingest_aliases=["contoso", "nw-us"])
        equal("who has the alias now", [c.id for c in self.v1.customers.list(ingest_alias="nw-us")], [self.contoso])
        self.owned[self.northwind].remove("nw-us")
        self.owned[self.contoso].add("nw-us")
        self.read_usage()
        proved("setIngestAliases")

    def page_through_customers(self) -> None:
        ids = sorted([*self.owned, *(self.v1.customers.create(name=f"Customer {i}").data.id for i in range(20))])  # all of one instant
        pages = self.v1.customers.list(limit=7)
        equal("the sizes of pages of 7", [len(page.data) for page in pages.iter_pages()], [7, 7, 7, 2])
        equal("the customers", [c.id for c in pages], ids)
        equal("two customers by their ids", [c.id for c in self.v1.customers.list(customer_ids=[ids[9], ids[4]])], [ids[4], ids[9]])
        equal("a customer by its account", [c.id for c in self.v1.customers.list(salesforce_account_ids=["0015500001"])], [self.northwind])
        gone = next(id for id in ids if id not in self.owned)
        ids.remove(gone)
        equal("the archived customer", self.v1.customers.archive(id=gone).data.id, gone)
        equal("the customers left", [c.id for c in self.v1.customers.list(limit=7)], ids)
        equal("the archived customers", [c.id for c in self.v1.customers.list(only_archived=True)], [gone])
        equal("an archived customer's date is set", self.v1.customers.retrieve(customer_id=gone).data.archived_at is not None, True)
        proved("listCustomers", "archiveCustomer")

    def page_through_metrics(self) -> None:
        create = self.v1.billable_metrics.create
        ids = sorted([*self.metrics.values(), *(create(name=f"Metric {i}", aggregation_type="COUNT").data.id for i in range(9))])
        gone = next(id for id in ids if id not in self.metrics.values())
        equal("the archived metric", self.v1.billable_metrics.archive(id=gone).data.id, gone)
        equal("the metrics", [m.id for m in self.v1.billable_metrics.list(limit=5)], [id for id in ids if id != gone])
        every = list(self.v1.billable_metrics.list(limit=5, include_archived=True))
        equal("the metrics, archived ones too", [m.id for m in every], ids)
        equal("which are archived", [m.id for m in every if m.archived_at], [gone])
        proved("listBillableMetrics", "archiveBillableMetric")

    def customize(self) -> None:
        fields = self.v1.custom_fields
        fields.add_key(entity="customer", key="tier", enforce_uniqueness=False)
        fields.add_key(entity="customer", key="account", enforce_uniqueness=True)
        equal("the keys of customers", [(k.key, k.enforce_uniqueness) for k in fields.list_keys(entities=["customer"])],
              [("account", True), ("tier", False)])
        fields.set_values(entity="customer", entity_id=self.contoso, custom_fields={"tier": "gold", "account": "17"})
        equal("custom fields set", self.v1.customers.retrieve(customer_id=self.contoso).data.custom_fields, {"tier": "gold", "account": "17"})
        fields.delete_values(entity="customer", entity_id=self.contoso, keys=["tier"])
        equal("custom fields left", self.v1.customers.retrieve(customer_id=self.contoso).data.custom_fields, {"account": "17"})
        refused("a key that nobody registered", BadRequestError,
                lambda: fields.set_values(entity="customer", entity_id=self.contoso, custom_fields={"colour": "red"}))
        fields.remove_key(entity="customer", key="tier")
        equal("the keys left", [k.key for k in fields.list_keys(entities=["customer"])], ["account"])
        proved("addCustomFieldKey", "listCustomFieldKeys", "setCustomFieldValues", "deleteCustomFieldValues", "removeCustomFieldKey")

    def ask_for_the_rest(self) -> None:
        """A customer without a contract has no costs and no draft invoice; its dashboard has an address."""
        url = self.v1.dashboards.get_embeddable_url(customer_id=self.northwind, dashboard="usage").data.url
        equal("an address", url.startswith("http") and len(url) > 20, True)
        equal("the costs", list(self.v1.customers.list_costs(customer_id=self.northwind, starting_on=START, ending_before=END)), [])
        preview = self.v1.customers.preview_events(customer_id=self.northwind, events=[{"event_type": "llm.call"}])
        equal("the previewed invoices", preview.data, [])
        proved("getEmbeddableDashboardUrl", "listCustomerCosts", "previewEvents")

    def meet_errors(self) -> None:
        no_token = Metronome(base_url=self.url, bearer_token="any", default_headers={"Authorization": metronome.omit})
        refused("no token", metronome.AuthenticationError, lambda: no_token.v1.customers.list())
        nobody = str(uuid4())
        refused("an unknown customer", NotFoundError, lambda: self.v1.customers.retrieve(customer_id=nobody))
        refused("an unknown metric", NotFoundError, lambda: self.v1.billable_metrics.retrieve(billable_metric_id=nobody))
        refused("an alias that was given", ConflictError, lambda: self.v1.customers.create(name="Twin", ingest_aliases=["contoso"]))
        refused("a range from noon", BadRequestError, lambda: self.v1.usage.list(
            starting_on=START.replace(hour=12), ending_before=END, window_size="DAY"))
        refused("101 events", BadRequestError, lambda: self.v1.usage.ingest(usage=[e.wire() for e in self.events[:101]]))
        old = {**self.events[0].wire(), "transaction_id": "tx-old", "timestamp": "2026-01-01T00:00:00Z"}
        refused("an event of two months ago", BadRequestError, lambda: self.v1.usage.ingest(usage=[old]))
        equal("refused events that were stored", self.v1.usage.search(transaction_ids=["tx-old"]), [])

    async def read_asynchronously(self) -> None:
        async with AsyncMetronome(base_url=self.url, bearer_token="any", _strict_response_validation=True) as client:
            rows = client.v1.usage.list(starting_on=START, ending_before=END, window_size="DAY", customer_ids=list(self.owned))
            total = [r.value async for r in rows if r.billable_metric_id == self.metrics["Calls"]]
        equal("the calls by day, asynchronously", total, [
            value for senders in self.owned.values() for _, _, value in workload.usage(self.events, METRICS[1], senders, "DAY")])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: flow.py BASE_URL")
    Flow(sys.argv[1]).run()
