"""The events that the flow sends, and what they add up to.

The figures are worked out here from the vendor's documentation, in decimals, with none of the emulator's code.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import product

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
DAYS = 3
END = START + timedelta(days=DAYS)
EVENTS = 1000
BATCH = 100
STEP = timedelta(days=DAYS) / EVENTS

METRICS = [
    {
        "name": "Tokens",
        "aggregation_type": "SUM",
        "aggregation_key": "tokens",
        "event_type_filter": {"in_values": ["llm.call"]},
        "property_filters": [
            {"name": "tokens", "exists": True},
            {"name": "model", "exists": True},
            {"name": "region", "in_values": ["eu", "us"]},
        ],
        "group_keys": [["model"], ["region"], ["model", "region"]],
    },
    {
        "name": "Calls",
        "aggregation_type": "COUNT",
        "event_type_filter": {"in_values": ["llm.call"]},
        "property_filters": [{"name": "model"}],
        "group_keys": [["model"]],
    },
    {
        "name": "Peak seats",
        "aggregation_type": "MAX",
        "aggregation_key": "seats",
        "event_type_filter": {"not_in_values": ["llm.call"]},
        "property_filters": [{"name": "seats", "exists": True}],
    },
    {
        "name": "Current seats",
        "aggregation_type": "LATEST",
        "aggregation_key": "seats",
        "event_type_filter": {"in_values": ["seats.report", "seats.audit"]},
        "property_filters": [{"name": "seats", "exists": True}],
    },
    {
        "name": "Active users",
        "aggregation_type": "UNIQUE",
        "aggregation_key": "user",
        "property_filters": [{"name": "user", "exists": True}, {"name": "region", "not_in_values": ["ap"]}],
    },
]


@dataclass(frozen=True)
class Event:
    number: int
    sender: str  # an alias, or the id of the customer Northwind
    type: str
    at: datetime
    properties: dict

    @property
    def transaction_id(self) -> str:
        return f"tx-{self.number}"

    def wire(self, **changed) -> dict:
        """The event as the SDK takes it. Every third is written in the time of a zone two hours ahead."""
        at = self.at.astimezone(timezone(timedelta(hours=2))) if self.number % 3 == 1 else self.at
        return {
            "transaction_id": self.transaction_id,
            "customer_id": self.sender,
            "event_type": self.type,
            "timestamp": at.isoformat(),
            "properties": {**self.properties, **changed},
        }


def make_events(northwind: str) -> list[Event]:
    return [make_event(i, northwind) for i in range(EVENTS)]


def make_event(i: int, northwind: str) -> Event:
    """Amounts are tenths, which binary fractions cannot hold; every other number goes out as a string."""
    sender = "latecomer" if i % 25 == 0 else ["nw-eu", "nw-us", "contoso", northwind][i % 4]
    written = str if i % 2 else (lambda number: number)
    properties: dict = {"region": ["eu", "us", "ap"][i // 3 % 3]}
    if i % 11 != 10:
        properties["model"] = ["small", "large", "vision"][i % 3]
    if i % 5 == 4:
        return Event(i, sender, "seats.report", START + i * STEP, {**properties, "seats": written(i * 53 % 997)})
    properties |= {"tokens": written(i * 37 % 1009 / 10), "user": f"u{i * i % 41}"}
    if i % 100 == 0:
        properties["trace"] = {"hops": [i, "edge"]}
    return Event(i, sender, "llm.call", START + i * STEP, properties)


def matches(metric: dict, event: Event) -> bool:
    types = metric.get("event_type_filter", {})
    if "in_values" in types and event.type not in types["in_values"]:
        return False
    if event.type in types.get("not_in_values", []):
        return False
    for wanted in metric["property_filters"]:
        value = event.properties.get(wanted["name"])
        if wanted.get("exists") and value is None:
            return False
        if "in_values" in wanted and value not in wanted["in_values"]:
            return False
        if value in wanted.get("not_in_values", []):
            return False
    return True


def aggregate(metric: dict, events: list[Event]) -> float | None:
    """The value of a metric over events that it matches; None without any."""
    if not events:
        return None
    if metric["aggregation_type"] == "COUNT":
        return len(events)
    values = [str(e.properties[metric["aggregation_key"]]) for e in events]
    match metric["aggregation_type"]:
        case "SUM":
            return float(sum(map(Decimal, values)))
        case "MAX":
            return float(max(map(Decimal, values)))
        case "LATEST":
            return float(max(zip((e.at for e in events), map(Decimal, values)))[1])
        case "UNIQUE":
            return len(set(values))
    raise ValueError(metric["aggregation_type"])


def windows(size: str) -> list[tuple[datetime, datetime]]:
    step = {"HOUR": timedelta(hours=1), "DAY": timedelta(days=1), "NONE": END - START}[size]
    return [(START + i * step, START + (i + 1) * step) for i in range((END - START) // step)]


def usage(events: list[Event], metric: dict, senders: set[str], size: str) -> list[tuple[datetime, datetime, float | None]]:
    """A value for each window, of the events that came under the given aliases or ids."""
    own = [e for e in events if e.sender in senders and matches(metric, e)]
    return [(a, b, aggregate(metric, [e for e in own if a <= e.at < b])) for a, b in windows(size)]


def groups(events: list[Event], metric: dict, senders: set[str], size: str, keys: list[str], **only: list[str]) -> list[tuple]:
    """A value for each window and combination of the keys' values that has usage: by window, then by values."""
    own = [e for e in events if e.sender in senders and matches(metric, e)]
    own = [e for e in own if all(e.properties.get(k) in v for k, v in only.items())]
    seen = [sorted({e.properties[k] for e in own if k in e.properties}) for k in keys]
    rows = []
    for (a, b), values in product(windows(size), list(product(*seen))):
        group = dict(zip(keys, values))
        inside = [e for e in own if a <= e.at < b and all(e.properties.get(k) == v for k, v in group.items())]
        if inside:
            rows.append((a, b, group, aggregate(metric, inside)))
    return rows
