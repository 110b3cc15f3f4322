"""What exactly would be asked, while it is being written: the very params, and about how many tokens they are. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import orjson

from labeling.messages import prompts, schemas
from labeling.messages.prompts import BYTES_PER_TOKEN, Spec
from labeling.money.estimating import ONE, Estimate, Evidence, Load, Terms, estimate
from labeling.money.pricing import Price
from labeling.states import Kind


@dataclass(frozen=True, slots=True)
class Preview:
    """`request` is the JSON of the params as it would be sent, indented; `frame_tokens` leave the document out."""

    request: str
    params: bytes
    problems: Sequence[str]
    advice: Sequence[str]
    frame_tokens: int
    document: Estimate


def preview(spec: Spec, text: str, evidence: Evidence, tiers: Sequence[Price]) -> Preview:
    """The request that asks for this spec about this text. A schema that cannot be sent is left out of it."""
    problems = prompts.check(spec)
    sendable = _sendable(spec)
    params = prompts.params(sendable, text)
    before, after = prompts.frame(sendable)
    terms = Terms(len(before) + len(after), sendable.max_tokens, tiers)
    about = estimate(Load(1, len(orjson.dumps(text))), terms, evidence)
    measured = evidence.of_prompts()
    rate = measured.tokens_per_byte if measured else ONE / BYTES_PER_TOKEN
    return Preview(
        request=orjson.dumps(params, option=orjson.OPT_INDENT_2).decode(),
        params=orjson.dumps(params),
        problems=problems,
        advice=[] if problems else prompts.advice(spec),
        frame_tokens=ceil(rate * terms.frame_bytes),
        document=about,
    )


def _sendable(spec: Spec) -> Spec:
    """What orjson and the schema's own rules can carry: half-typed input is no fault of the preview."""
    if spec.kind == Kind.EXTRACT and spec.schema is not None and schemas.faults(spec.schema):
        spec = replace(spec, schema=None)
    clean = spec.instructions.encode("utf-8", "replace").decode()
    labels = tuple(
        replace(label, name=_clean(label.name), description=_clean(label.description)) for label in spec.labels
    )
    max_tokens = min(max(1, spec.max_tokens), prompts.MOST_TOKENS)
    return replace(spec, instructions=clean, labels=labels, max_tokens=max_tokens)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
