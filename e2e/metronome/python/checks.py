"""What the flow says: a line for each operation proved, and a message that tells what was expected."""

import json
from datetime import datetime, timezone

import metronome


def proved(*operations: str) -> None:
    for operation in operations:
        print(json.dumps({"operation": operation, "sdk": f"metronome-sdk {metronome.__version__}"}), flush=True)


def equal(what: str, got, want) -> None:
    if got == want:
        return
    if isinstance(got, list) and isinstance(want, list):
        for i, (g, w) in enumerate(zip(got, want)):
            if g != w:
                raise SystemExit(f"{what}: row {i} is\n  {g}\nwant\n  {w}")
        raise SystemExit(f"{what}: {len(got)} rows, want {len(want)}; the first surplus: {(got + want)[min(len(got), len(want))]}")
    raise SystemExit(f"{what}: {got}, want {want}")


def refused(what: str, error: type[metronome.APIStatusError], call) -> None:
    """The call has to fail with this class of the SDK's errors, and with a message in the vendor's shape."""
    try:
        call()
    except error as e:
        if not isinstance(e.body, dict) or not e.body.get("message"):
            raise SystemExit(f"{what}: the error has no message: {e.body}")
        return
    except metronome.APIStatusError as e:
        raise SystemExit(f"{what}: {e.status_code} {e.message}, want {error.__name__}")
    raise SystemExit(f"{what}: no error, want {error.__name__}")


def utc(*when: datetime) -> tuple[datetime, ...]:
    return tuple(t.astimezone(timezone.utc) for t in when)
