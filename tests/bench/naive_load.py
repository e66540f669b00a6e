"""What every load has to do before its rows are copied: read the blobs of HEAD, parse and hash each."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import yaml


def main() -> None:
    """Read, parse and hash every Markdown file of HEAD, in one process."""
    listed = subprocess.run(["git", "ls-tree", "-r", "HEAD", "state"], capture_output=True, check=True).stdout
    oids = b"".join(line.split()[2] + b"\n" for line in listed.splitlines() if line.endswith(b".md"))
    read = subprocess.run(
        ["git", "cat-file", "--batch", "--buffer"], input=oids, capture_output=True, check=True
    )
    data, place, digest = read.stdout, 0, ""
    while place < len(data):
        end = data.index(b"\n", place)
        size = int(data[place:end].split()[2])
        text = data[end + 1 : end + 1 + size].decode()
        front, _, body = (
            text.removeprefix("---\n").partition("\n---\n") if text[:4] == "---\n" else ("", "", text)
        )
        row = [json.dumps(yaml.load(front, yaml.CSafeLoader), default=str), body]
        digest = hashlib.sha256("".join(row).encode()).hexdigest()
        place = end + 2 + size
    sys.stdout.write(digest)


main()
