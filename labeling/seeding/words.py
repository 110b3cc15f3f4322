"""What the make-believe documents say, and the labeling tasks that they are for. Pure."""

from typing import NamedTuple

from labeling.messages.prompts import Label, Spec
from labeling.states import Kind


class Seed(NamedTuple):
    """A task with the wordings it has had, the last of them in use."""

    slug: str
    name: str
    specs: tuple[Spec, ...]


def _classify(model: str, instructions: str, *labels: str) -> Spec:
    described = tuple(Label(label, f"The text is about: {label.replace('_', ' ')}.") for label in labels)
    return Spec(
        kind=Kind.CLASSIFY, instructions=instructions, labels=described, schema=None, model=model, max_tokens=64
    )


INTENTS = (
    "card_payment_wrong_exchange_rate",
    "request_refund",
    "refund_not_showing_up",
    "transaction_charged_twice",
    "card_payment_fee_charged",
    "direct_debit_payment_not_recognized",
    "lost_or_stolen_card",
    "card_arrival",
    "change_pin",
    "verify_my_identity",
    "top_up_failed",
    "other",
)
_TICKETS = "Choose the intent of the support ticket. Judge by what the customer wants, not by what is mentioned."
_CLAUSE = {
    "type": "object",
    "properties": {"party": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["party", "days"],
    "additionalProperties": False,
}

TASKS = (
    Seed(
        "support-ticket-intent",
        "Support ticket intent",
        (
            _classify("claude-haiku-4-5", _TICKETS, *INTENTS[:-1]),
            _classify("claude-haiku-4-5", f"{_TICKETS} If none fits, choose other.", *INTENTS),
        ),
    ),
    Seed(
        "product-review-sentiment",
        "Product review sentiment",
        (
            _classify(
                "claude-haiku-5-5",
                "Say how satisfied the author of the review is.",
                "satisfied",
                "mixed",
                "dissatisfied",
                "not_a_review",
            ),
        ),
    ),
    Seed(
        "contract-clauses",
        "Contract clauses",
        (
            Spec(
                kind=Kind.EXTRACT,
                instructions="Name the party that owes notice, and the days of notice.",
                labels=(),
                schema=_CLAUSE,
                model="claude-sonnet-5",
                max_tokens=256,
                thinking="disabled",
            ),
        ),
    ),
)

BEGINNINGS = (
    "You charged me",
    "I was told to expect",
    "Good morning, I see",
    "For the third time this week there is",
    "Could somebody please look at",
    "My statement of last month shows",
    "Since the move I have not received",
    "Bitte prüfen Sie",
    "We agreed by phone on",
    "The app keeps showing",
    "Nobody answers when I ask about",
    "Thank you for the quick help with",
)
MIDDLES = (
    "1.19 for the payment on Sunday",
    "a refund of the canceled order",
    "two bookings for the same ticket",
    "the fee at the machine in the station",
    "a card that was to arrive on Friday",
    "the wrong exchange rate for Swiss francs",
    "a debit that I never ordered",
    "the letter with the new PIN",
    "the photo of my passport that was refused",
    "a transfer that failed twice",
    "die doppelte Abbuchung",
    "an amount that I do not recognize",
)
ENDINGS = (
    "and I would like it back",
    "which is still not there",
    "and want to know when it ends",
    "although the shop says it was sent",
    "so what am I to do now",
    "and nobody could tell me why",
    "please confirm in writing",
    "as the branch said it would be",
    "that makes no sense to me",
    "can you tell me more",
)
ODD = (
    "<script>alert('hello')</script> and <b>bold</b> words in a ticket, they are text like any other",
    "أريد استرداد المبلغ من فضلك، الطلب رقم",
    "🌙 night shift 🦉 please help, my card 💳 is gone 😢",
    "A_single_word_without_any_space_that_goes_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on",
)
"""One in some hundreds of documents: what people really paste."""
