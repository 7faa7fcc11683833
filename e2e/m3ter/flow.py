"""Drives the emulator with the vendor's Python SDK as it comes, its responses held against its own types.

Each check is a sentence: one that fails ends the run. The base URL and the organization are the arguments.
"""

import csv
import gzip
import io
import json
import sys
import time
import urllib.request
import zipfile

import m3ter
from m3ter import M3ter

BASE, ORG = sys.argv[1], sys.argv[2]
client = M3ter(
    base_url=BASE, api_key="key", api_secret="secret", org_id=ORG, _strict_response_validation=True, max_retries=0
)


def check(sentence, got, want):
    if got != want:
        sys.exit(f"{sentence}: got {got!r}, want {want!r}")


def finished(job_id):
    """Polls a job to its end, as a client does."""
    for _ in range(100):
        job = client.data_exports.jobs.retrieve(job_id)
        if job.status in ("SUCCEEDED", "FAILED"):
            check("the job succeeds", job.status, "SUCCEEDED")
            check("its version counts its states", job.version, 3)
            return job
        time.sleep(0.1)
    sys.exit(f"job {job_id} does not end")


def download(job_id):
    with urllib.request.urlopen(client.data_exports.jobs.get_download_url(job_id).url) as answer:
        return answer.read()


# Entities, their versions and their refusals.
product = client.products.create(name="Queue", code="queue", custom_fields={"tier": "gold", "rank": 1.5})
check("a new entity has version 1", product.version, 1)
check("custom fields come back", product.custom_fields, {"tier": "gold", "rank": 1.5})
product = client.products.update(product.id, name="Queues", code="queue", version=1)
check("an update counts", product.version, 2)
try:
    client.products.update(product.id, name="Queues", code="queue", version=1)
    sys.exit("an old version was taken")
except m3ter.BadRequestError as refused:
    check("a refusal has a message", "version" in refused.body["message"], True)

meter = client.meters.create(
    name="Messages",
    code="messages",
    product_id=product.id,
    data_fields=[
        {"category": "WHERE", "code": "zone", "name": "Zone"},
        {"category": "MEASURE", "code": "count", "name": "Count", "unit": "message"},
        {"category": "COST", "code": "price", "name": "Price", "unit": "EUR"},
    ],
    derived_fields=[
        {"category": "MEASURE", "code": "paid", "name": "Paid", "unit": "EUR", "calculation": "count * price"}
    ],
)
aggregation = client.aggregations.create(
    name="Messages, all",
    code="messages_all",
    meter_id=meter.id,
    target_field="count",
    aggregation="SUM",
    quantity_per_unit=1000,
    rounding="UP",
    unit="thousand",
)
check("an aggregation is found by its product", [a.id for a in client.aggregations.list(product_id=[product.id])], [aggregation.id])
account = client.accounts.create(name="Fern", code="fern", email_address="bills@fern.example", currency="EUR")
found = client.accounts.search(search_query="name~fe$code:fern")
check("a search finds the account", [a.id for a in found.data], [account.id])

# Measurements, one call and many, through the ingest address as the SDK makes it.
def measurement(i, account="fern", zone="eu"):
    return {
        "uid": f"{account}-{i}",
        "meter": "messages",
        "account": account,
        "ts": f"2026-01-{1 + i % 20:02d}T{i % 24:02d}:00:00Z",
        "where": {"zone": zone},
        "measure": {"count": i},
        "cost": {"price": 0.01},
    }


check("a call is accepted", client.usage.submit(measurements=[measurement(0)]).result, "accepted")
for answer in client.usage.submit_all(measurements=[measurement(i, zone="us" if i % 2 else "eu") for i in range(2500)]):
    check("every chunk is accepted", answer.result, "accepted")
client.usage.submit(measurements=[measurement(7, account="Brand New"), {**measurement(8), "meter": "nothing"}])

# Usage: sums are exact, a uid counts once, unknown accounts were made.
total = sum(range(2500))
rows = client.usage.query(
    start_date="2026-01-01T00:00:00Z",
    end_date="2026-02-01T00:00:00Z",
    aggregations=[
        {"meter_id": meter.id, "field_code": "count", "field_type": "MEASURE", "function": "SUM"},
        {"meter_id": meter.id, "field_code": "paid", "field_type": "MEASURE", "function": "SUM"},
        {"meter_id": meter.id, "field_code": "zone", "field_type": "DIMENSION", "function": "UNIQUE"},
    ],
    groups=[{"group_type": "ACCOUNT"}],
)
by_code = {row["accountCode"]: row for row in rows.data}
check("the accounts are there", sorted(by_code), ["Brand New", "fern"])
check("the sum is exact", by_code["fern"]["messages.count.SUM"], total)
check("the derived sum is exact", by_code["fern"]["messages.paid.SUM"], total / 100)
check("zones are counted", by_code["fern"]["messages.zone.UNIQUE"], 2)
check("nothing was cut off", rows.has_more_data, False)
made = [a for a in client.accounts.list(codes=["Brand New"])]
check("an account was made", [a.name for a in made], ["Brand New-autocreated"])

# Failures are events. Their dtActioned is null, which the SDK's types do not allow: this one client is not strict.
lenient = client.copy(_extra_kwargs={"_strict_response_validation": False})
failures = lenient.events.list(event_name="ingest.validation.failure").data
check("what failed is an event", sorted(e.m3ter_event["type"] for e in failures), ["DuplicateUid", "UndefinedMeter"])
file = failures[0].m3ter_event["getDownloadUrl"].split("file=")[1]
log = client.usage.get_failed_ingest_download_url(file=urllib.request.unquote(file))
with urllib.request.urlopen(log.url) as answer:
    check("its log holds the measurement", json.load(answer)["measurement"]["account"], "fern")

# Exports: the SDK's types lack the dates of a usage export, so they go into the extra body.
operational = client.data_exports.create_adhoc(source_type="OPERATIONAL", operational_data_types=["ACCOUNTS", "METERS"])
finished(operational.job_id)
archive = zipfile.ZipFile(io.BytesIO(download(operational.job_id)))
check("several files are a ZIP", archive.namelist(), [f"{operational.job_id}_{kind}.csv.gz" for kind in ("account", "meter")])
exported = list(csv.DictReader(io.StringIO(gzip.decompress(archive.read(archive.namelist()[0])).decode())))
check("the account is exported", [r["name"] for r in exported if r["id"] == account.id], ["Fern"])

usage = client.data_exports.create_adhoc(
    source_type="USAGE",
    account_ids=[account.id],
    meter_ids=[meter.id],
    extra_body={"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-02-01T00:00:00Z", "exportFileFormat": "CSV"},
)
finished(usage.job_id)
lines = list(csv.DictReader(io.StringIO(gzip.decompress(download(usage.job_id)).decode())))
check("every measurement is exported once", len({r["uid"] for r in lines}), 2500)
check("no line is there twice", len(lines), 2500)
check("the file adds up like the query", sum(int(r["measure.count"]) for r in lines), total)
check("jobs are listed newest first", [j.id for j in client.data_exports.jobs.list(page_size=1)], [usage.job_id, operational.job_id])

# Pages follow one another by themselves; what is deleted is gone.
for i in range(5):
    client.products.create(name=f"P{i}", code=f"p{i}")
codes = [p.code for p in client.products.list(page_size=2)]
check("pages are walked to the end", codes[:6], ["p4", "p3", "p2", "p1", "p0", "queue"])
client.aggregations.delete(aggregation.id)
try:
    client.aggregations.retrieve(aggregation.id)
    sys.exit("a deleted aggregation is still there")
except m3ter.NotFoundError:
    pass
print("ok")
