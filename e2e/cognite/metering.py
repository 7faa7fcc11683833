"""Drives the emulator with the vendor's Python SDK as it comes.

Each check is a sentence: one that fails ends the run. The base URL is the first argument.
"""

import logging
import sys
from datetime import datetime, timezone

from cognite.client import ClientConfig, CogniteClient, global_config
from cognite.client.credentials import OAuthClientCredentials, Token
from cognite.client.data_classes import GroupWrite
from cognite.client.data_classes.capabilities import ProjectsAcl
from cognite.client.data_classes.filters import Prefix
from cognite.client.exceptions import (
    CogniteAPIError,
    CogniteAuthError,
    CogniteNotFoundError,
    CogniteProjectAccessError,
)

BASE = sys.argv[1]
BEGIN, END = 1764547200000, 1764633600000
CATALOGUE = [
    "atlas.monthly_ai_prompts",
    "atlas.monthly_ai_tokens",
    "files.storage_bytes",
    "functions.concurrent_executions",
]

logging.disable(logging.WARNING)
global_config.silence_feature_preview_warnings = True


def client(project="acme", credentials=None, base=BASE):
    return CogniteClient(
        ClientConfig(
            client_name="submeter-e2e",
            project=project,
            credentials=credentials or Token("ada-token"),
            base_url=base,
        )
    )


def login(secret):
    return OAuthClientCredentials(
        token_url=BASE + "/oauth2/token",
        client_id="billing",
        client_secret=secret,
        scopes=["https://cluster.example/.default"],
        audience="https://cluster.example",
    )


def check(sentence, holds):
    if not holds:
        sys.exit("python: not true: " + sentence)
    print("python: " + sentence)


def raised(kind, call):
    try:
        call()
    except kind as error:
        return error
    return None


def points(meter):
    return [(p.timestamp, p.average) for p in meter.datapoints]


def history(cdf, n):
    return cdf.metering.retrieve("files.storage_bytes", start=BEGIN, end=END, number_of_datapoints=n)


cdf = client()
meters = cdf.metering.list()
check("the catalogue is listed by id", [m.meter_id for m in meters] == CATALOGUE)
check("meters come without history unless asked", all(list(m.datapoints or []) == [] for m in meters))
first = meters[0].meter_id
check("one meter is found by its id", cdf.metering.retrieve(first).meter_id == first)
check("an unknown meter is None", cdf.metering.retrieve("nonexistent.meter.id") is None)
two = [m.meter_id for m in cdf.metering.list(limit=2)]
check("a limit of 2 lists 2", len(two) == 2)
check("meters come in the order asked for", [m.meter_id for m in cdf.metering.retrieve(two[::-1])] == two[::-1])
check(
    "an unknown meter among known ones refuses them all",
    raised(CogniteNotFoundError, lambda: cdf.metering.retrieve([first, "nonexistent.meter.id"])) is not None,
)
check(
    "a prefix filters",
    [m.meter_id for m in cdf.metering.list(filter=Prefix("meter_id", "atlas."))] == CATALOGUE[:2],
)
check("a prefix of no meter lists none", len(cdf.metering.list(filter=Prefix("meter_id", "no_such_prefix_"))) == 0)

check(
    "four periods of a day are averaged",
    points(history(cdf, 4)) == [(BEGIN, 1100), (BEGIN + 21600000, 1700), (BEGIN + 43200000, 1900), (BEGIN + 64800000, 1700)],
)
check("two periods of a day are averaged", points(history(cdf, 2)) == [(BEGIN, 1460), (BEGIN + 43200000, 1700)])
check("a whole day is averaged", points(history(cdf, 1)) == [(BEGIN, 10700 / 7)])
day = datetime(2025, 12, 1, tzinfo=timezone.utc)
listed = cdf.metering.list(filter=Prefix("meter_id", "files."), start=day, end=END, number_of_datapoints=2)
check("a list brings the same history, asked for with a date", points(listed[0]) == points(history(cdf, 2)))
recent = cdf.metering.retrieve("functions.concurrent_executions", start="2w-ago", number_of_datapoints=600)
check("600 datapoints are the most", len(recent.datapoints) == 600)
refused = raised(
    CogniteAPIError, lambda: cdf.metering.retrieve(first, start=BEGIN, end=END, number_of_datapoints=601)
)
check("601 are refused with a message and a request id", refused.code == 400 and refused.message and refused.x_request_id)

many = client("many-meters")
check("1,100 meters are paged through", len({m.meter_id for m in many.metering.list(limit=None)}) == 1100)
everything = [f"many.meter_{i:04d}" for i in range(1100)]
check("1,050 ids are asked for in chunks", [m.meter_id for m in many.metering.retrieve(everything[:1050])] == everything[:1050])
check("a page that ends inside a limit is not asked for twice", len(many.metering.list(limit=1010)) == 1010)

by_login = client(credentials=login("s3cr+t"))
check("client credentials over plain http log in", [m.meter_id for m in by_login.metering.list()] == CATALOGUE)
check("a token is fetched once for several calls", by_login.metering.retrieve(first) is not None)
wrong = raised(CogniteAuthError, lambda: client(credentials=login("guess")).metering.list())
check("a wrong secret is told as the provider tells it", wrong is not None and "invalid_client" in str(wrong))

denied = raised(CogniteProjectAccessError, lambda: client("nowhere").metering.list())
check("an unknown project is no access, with the projects there are", denied is not None and "acme" in str(denied))
expired = raised(CogniteProjectAccessError, lambda: client(credentials=Token("made-up")).metering.list())
check("an unknown token is no access", expired is not None)
blind = raised(CogniteAPIError, lambda: client(credentials=Token("bea-token")).metering.list())
check("a missing capability is 403", blind.code == 403)

inspected = cdf.iam.token.inspect()
check("the token is inspected", inspected.subject == "ada" and "acme" in [p.url_name for p in inspected.projects])
made = cdf.iam.groups.create(
    GroupWrite("listers", members=["bea"], capabilities=[ProjectsAcl([ProjectsAcl.Action.List], ProjectsAcl.Scope.All())])
)
check("a group lets its member in", len(client(credentials=Token("bea-token")).metering.list()) == 4)
check("groups are listed", "listers" in [g.name for g in cdf.iam.groups.list(all=True)])
cdf.iam.groups.delete(made.id)
again = raised(CogniteAPIError, lambda: client(credentials=Token("bea-token")).metering.list())
check("without the group the member is out again", again.code == 403)

check("limits are listed", {v.limit_id: v.value for v in cdf.limits.list()}["files.storage_bytes"] == 5000)
check("a limit is found by its id", cdf.limits.retrieve("files.storage_bytes").value == 5000)
check("an unknown limit is None", cdf.limits.retrieve("nonexistent.limit.id") is None)

busy = client(base=sys.argv[2])
check("a budget that is used up is waited for", all(len(busy.metering.list()) == 4 for _ in range(3)))
