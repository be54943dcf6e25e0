#!/usr/bin/env python3
"""Writes Entry.avsc, the root record of the log, from the schemas of its members.

Containers carry their schema, so Entry must hold its members' text; they are written once, in their own files.

    python3 schemas/inline_entry.py            writes schemas/Entry.avsc
    python3 schemas/inline_entry.py --check    fails when it is not up to date
"""

import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
MEMBERS = {
    "trade": ("Trade", "A trade or price update."),
    "control": ("Control", "What else happened."),
    "vendor_bar": ("VendorBar", "A bar of the feed's own history."),
    "snapshot": ("Snapshot", "The engine's state."),
}


def entry():
    fields = []
    for name, (record, doc) in MEMBERS.items():
        schema = json.loads((FOLDER / f"{record}.avsc").read_text(encoding="utf-8"))
        fields.append({"name": name, "type": ["null", schema], "default": None, "doc": doc})
    return {
        "type": "record",
        "name": "Entry",
        "namespace": "tapeline",
        "doc": "One record of the log. Exactly one of the members is there; a record of unions because Spark does not "
               "read a root union. Written by schemas/inline_entry.py.",
        "fields": fields,
    }


def main():
    path = FOLDER / "Entry.avsc"
    text = json.dumps(entry(), indent=2) + "\n"
    if sys.argv[1:] == ["--check"]:
        if path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path}: is not up to date; run python3 schemas/inline_entry.py")
    else:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
