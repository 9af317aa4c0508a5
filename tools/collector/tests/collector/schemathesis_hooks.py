"""What schemathesis cannot know from the description: how a batch becomes lines and is compressed,
that its header and its exam count what follows, and how integers are written."""

import gzip
import json

import schemathesis

WHOLE = range(1, 2**63)


def is_whole(number):
    return isinstance(number, int) and not isinstance(number, bool) and number in WHOLE


def is_range(pair):
    return isinstance(pair, list) and len(pair) == 2 and all(map(is_whole, pair))


def agreeing(body):
    """Makes the header agree with the lines, where it holds otherwise."""
    if len(body) < 2 or not isinstance(body[0], dict):
        return body
    header, events = body[0], body[1:]
    counted = ("events", "first_sequence", "last_sequence")
    if not all(is_whole(header.get(field)) for field in counted):
        return body
    first = header["first_sequence"] % 2**62 + 1
    header = {**header, "events": len(events), "first_sequence": first}
    header["last_sequence"] = first + len(events) - 1
    ranges = header.get("dropped_ranges")
    if isinstance(ranges, list) and len(ranges) <= 1000 and all(map(is_range, ranges)):
        # In order, none empty, up to the last event.
        header["dropped_ranges"] = [[at, at] for at in range(1, min(len(ranges) + 1, first))]
    exam = header.get("exam")
    if isinstance(exam, dict) and isinstance(exam.get("failed_ids"), list):
        # Its type is left as it is: a text stays a text, and is refused.
        if isinstance(exam.get("failed"), int) and 0 <= exam["failed"] < len(exam["failed_ids"]):
            header["exam"] = {**exam, "failed": len(exam["failed_ids"])}
    numbered = [
        {**event, "sequence": first + at}
        if isinstance(event, dict) and is_whole(event.get("sequence"))
        else event
        for at, event in enumerate(events)
    ]
    return [header, *numbered]


@schemathesis.hook
def map_body(context, body):
    """Whole numbers without a fraction: to JSON Schema -5.0 is an integer, to the collector not."""
    if isinstance(body, dict):
        return {name: map_body(context, value) for name, value in body.items()}
    if isinstance(body, list):
        return [map_body(context, value) for value in body]
    if isinstance(body, float) and body.is_integer() and abs(body) < 2**53:
        return int(body)
    return body


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx, value):
    """One line an element; what is no array is one line."""
    elements = agreeing(value) if isinstance(value, list) else [value]
    lines = [json.dumps(element, ensure_ascii=False) for element in elements]
    text = "\n".join(lines).encode("utf-8", "surrogatepass")
    headers = {name.lower(): value for name, value in (ctx.case.headers or {}).items()}
    return gzip.compress(text) if headers.get("content-encoding") == "gzip" else text
