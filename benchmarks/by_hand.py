"""The script that everybody writes first: CSV in, one create call, poll, iterate the results, JSONL out.

It is what Nightshift is measured against: nothing is stored, nothing is safe, everything is in memory.
"""

import csv
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import anthropic
from anthropic.types.messages.batch_create_params import Request


def main(source: str, target: str, url: str, labels: list[str]) -> dict[str, Any]:
    client = anthropic.Anthropic(base_url=url, api_key="by-hand")
    began = time.perf_counter()
    requests = _requests(Path(source), labels)
    batch = client.messages.batches.create(requests=requests)
    sent = time.perf_counter()
    while client.messages.batches.retrieve(batch.id).processing_status != "ended":
        time.sleep(0.2)
    ended = time.perf_counter()
    with Path(target).open("w", encoding="utf-8") as file:
        for line in client.messages.batches.results(batch.id):
            answer = line.result.message.content[0].text if line.result.type == "succeeded" else ""  # type: ignore[union-attr]
            file.write(json.dumps({"id": line.custom_id, "answer": answer}) + "\n")
    done = time.perf_counter()
    return {
        "seconds": (sent - began) + (done - ended),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _requests(source: Path, labels: list[str]) -> list[Request]:
    schema = {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": labels}},
        "required": ["label"],
        "additionalProperties": False,
    }
    with source.open(newline="", encoding="utf-8") as file:
        return [
            Request(
                custom_id=row["id"],
                params={
                    "model": "claude-haiku-5-5",
                    "max_tokens": 128,
                    "thinking": {"type": "disabled"},
                    "system": "Which of the labels fits the text best?",
                    "output_config": {"format": {"type": "json_schema", "schema": schema}},
                    "messages": [{"role": "user", "content": row["text"]}],
                },
            )
            for row in csv.DictReader(file)
        ]


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4].split(","))))
