from argparse import ArgumentParser
from collections import Counter
from typing import Any

from labeling.management.base import BadInput, Door
from labeling.models import Batch
from labeling.pipeline import prove
from labeling.states import Proof


class Command(Door):
    help = "Rebuilds the requests of batches and compares them with the hash that was kept when they were sent."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("batch", nargs="*", help="like B-12 or 12; none: every batch whose body was written")

    def run(self, *, batch: list[str], **options: Any) -> dict[str, Any]:
        found: Counter[str] = Counter()
        different = []
        for row in _chosen(batch):
            proof = prove.prove(row)
            found[proof.value] += 1
            self.say(f"{row}: {proof.sentence}")
            if proof is Proof.DIFFERENT:
                different.append(str(row))
        self.exit_code = 1 if different else 0
        return {"batches": found.total(), **{word.value: found[word.value] for word in _ENDS}, "differ": different}


_ENDS = (Proof.EQUAL, Proof.DIFFERENT, Proof.ERASED, Proof.NOTHING_KEPT)


def _chosen(names: list[str]) -> list[Batch]:
    rows = Batch.objects.select_related("version").order_by("pk")
    if not names:
        return list(rows.exclude(requests_sha256=""))
    try:
        ids = {int(name.upper().removeprefix("B-")) for name in names}
    except ValueError:
        raise BadInput(f"A batch is named like B-12, and these are not: {', '.join(names)}.") from None
    chosen = list(rows.filter(pk__in=ids))
    if missing := ids - {batch.pk for batch in chosen}:
        raise BadInput(f"There is no {', '.join(f'B-{pk}' for pk in sorted(missing))}.")
    return chosen
