"""The words of the product: states, reasons and results, each with its sentence.

Pure: no ORM, no SDK. The values are stored in the database and printed by commands, so they are
part of the interface and never change; the sentences are what a person reads.
"""

from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """A stored value with the sentence that explains it to a person."""

    sentence: str

    def __new__(cls, value: str, sentence: str = "") -> Self:
        word = str.__new__(cls, value)
        word._value_ = value
        word.sentence = sentence
        return word

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        """The pairs that a Django field wants."""
        return [(word.value, word.value.replace("_", " ")) for word in cls]


class Kind(Word):
    """What a labeling task does with a document."""

    CLASSIFY = "classify", "Choose one label of a list."
    EXTRACT = "extract", "Fill a JSON schema from the text."
    TRANSFORM = "transform", "Answer with a new text."


class Lane(Word):
    """How a request reached the API."""

    URGENT = "urgent", "One real-time call at full price."
    BATCH = "batch", "Part of a Message Batch at half the price."


class Way(Word):
    """When and how a waiting document leaves: the three ways of the upload form."""

    URGENT = "urgent", "In real time, at full price."
    NOW = "now", "In a batch now, at half the price."
    TONIGHT = "tonight", "In tonight's batches, at half the price."


class UploadKind(Word):
    """What an upload was made from."""

    FILE = "file", "A file or pasted text that came in."
    TRIAL = "trial", "Documents that are there already, to try a version on; no export of their task has them."


class LimitScope(Word):
    """What a money limit is for."""

    NIGHT = "night", "What leaves in batches, from one night to the next."
    URGENT = "urgent", "Real-time calls of one local day."


class Basis(Word):
    """What an estimate rests on, the surest first."""

    COUNTED = "counted", "from a sample whose tokens the API counted"
    VERSION = "version", "from the answers of this very version"
    TASK = "task", "from the answers of earlier versions of this task"
    LENGTH = "length", "from the length of the texts alone"


class NoticeKind(Word):
    """What a message that goes out says."""

    ALARM = "alarm", "Something needs a person."
    CLEARING = "clearing", "It is over."
    REPORT = "report", "What the night did."
    PING = "ping", "The night is complete."
    FAIL_PING = "fail_ping", "The night failed."
    UPLOAD = "upload", "An upload is done."
    TEST = "test", "A test: nothing happened."


class UploadState(Word):
    RECEIVED = "received", "The file is here and not read yet."
    CHECKED = "checked", "The file was read; a person decides."
    IMPORTING = "importing", "Its rows are becoming documents."
    READY = "ready", "Every row is a document or a refused row."
    DONE = "done", "Nothing of it waits or is in flight any more."
    DISCARDED = "discarded", "A person decided against it; nothing was imported."
    WITHDRAWN = "withdrawn", "It was the wrong file; its documents are withdrawn."


class BatchState(Word):
    BUILDING = "building", "Its requests are chosen; nothing was sent."
    SUBMITTING = "submitting", "The one create call was claimed and may be under way."
    REJECTED = "rejected", "The API refused it for good; nothing was accepted."
    UNKNOWN = "unknown", "The create call had no clear outcome; frozen until it is settled."
    ABSENT = "absent", "It was proved that the API never accepted it."
    IN_PROGRESS = "in_progress", "The API has it and works on it."
    CANCELING = "canceling", "A cancel was asked for; finished requests are kept and paid."
    ENDED = "ended", "The API is done with it; results can be fetched."
    INGESTED = "ingested", "Every result line is stored and the count agrees."

    @classmethod
    def open(cls) -> "frozenset[BatchState]":
        """States in which requests may still count against the account's queue limit."""
        return frozenset({cls.BUILDING, cls.SUBMITTING, cls.UNKNOWN, cls.IN_PROGRESS, cls.CANCELING, cls.ENDED})

    @classmethod
    def with_message_batch(cls) -> "frozenset[BatchState]":
        """States in which the Message Batch id is known."""
        return frozenset({cls.IN_PROGRESS, cls.CANCELING, cls.ENDED, cls.INGESTED})


class HoldKind(Word):
    """Why an upload stands still while its task goes on."""

    PERSON = "person", "Held by a person."
    TRIAL = "trial", "Waits for the decision about a trial."


class TrialDecision(Word):
    """What a person decided after some documents had been tried."""

    SENT = "sent", "The rest was sent."
    DISCARDED = "discarded", "The rest was withdrawn."


class OrderState(Word):
    """What became of the order to send now."""

    PENDING = "pending", "It can still be taken back."
    DONE = "done", "It was carried out."
    UNDONE = "undone", "A person took it back in time."


class DocumentState(Word):
    QUEUED = "queued", "Waits to be sent."
    BATCHED = "batched", "Is part of a batch or of an urgent call."
    LABELED = "labeled", "Has a usable answer."
    FAILED = "failed", "A person must look."
    WITHDRAWN = "withdrawn", "Is not wanted any more."


class ProcessingStatus(Word):
    """The API's word for a Message Batch."""

    IN_PROGRESS = "in_progress", "The API works on it."
    CANCELING = "canceling", "A cancel was asked for."
    ENDED = "ended", "Every request has its result."


class ResultType(Word):
    """The API's word for one result line."""

    SUCCEEDED = "succeeded", "The model answered."
    ERRORED = "errored", "The API answered with an error; nothing is charged."
    CANCELED = "canceled", "Canceled before it was processed; nothing is charged."
    EXPIRED = "expired", "Ran out of time after 24 hours; nothing is charged."


class Outcome(Word):
    """How one attempt (a Request) ended."""

    OPEN = "open", "No answer yet."
    SUCCEEDED = "succeeded", "The model answered."
    ERRORED = "errored", "The API answered with an error; nothing is charged."
    CANCELED = "canceled", "Canceled before it was processed; nothing is charged."
    EXPIRED = "expired", "Ran out of time after 24 hours; nothing is charged."
    MISSING = "missing", "The batch ended and brought no line for it."
    NOT_SENT = "not_sent", "It surely never left; it does not count as an attempt."
    UNCLEAR = "unclear", "The answer of a real-time call was lost; it may have been paid."


class Verdict(Word):
    """What is known of a Message Batch that may be the one of a doubtful submission."""

    WATCHED = "watched", "It may be ours: a result line will tell."
    OURS = "ours", "A result line carries our token; it was adopted."
    ANOTHERS = "anothers", "A result line carries another token; it was struck off."
    LATE_TWIN = "late_twin", "It is ours and came to light after its absence had counted as proved."


class Proof(Word):
    """Whether the requests of a batch, rebuilt from its version and the texts, are those that were sent."""

    NOT_YET = "", "Compared when its results are in."
    DUE = "due", "A worker compares it."
    EQUAL = "equal", "Rebuilt now, they are byte for byte what was sent."
    DIFFERENT = "different", "Rebuilt now, they are not what was sent."
    ERASED = "erased", "Texts of it were erased, so what was sent cannot be rebuilt."
    NOTHING_KEPT = "nothing_kept", "When it was sent no hash of its requests was kept."


class Work(Word):
    """Long work on one row beside imports and batches, which count their tries themselves; `{}` is its number."""

    SELECTION = "selection", "Noting the documents of selection {}"
    BULK_ACT = "bulk_act", "Bulk act {}"
    WORDS = "words", "Making the words of U-{} searchable"
    MOVE = "move", "Moving the documents of the task version with the id {}"
    ERASURE = "erasure", "Erasure {}"
    RESTORATION = "restoration", "Looking up what left before restoration {}"


class Found(Word):
    """What a Message Batch is that the API lists since a backup that was restored."""

    RUNNING = "running", "The API works on it; whose it is can be read when it has ended."
    ENDED = "ended", "It has ended and its lines are to be read."
    KNOWN = "known", "The backup knows it; it goes on as always."
    MAPPED = "mapped", "It is ours; its answers were given to the documents that it carried."
    ANOTHERS = "anothers", "Its lines are those of another program."
    GONE = "gone", "Its results cannot be read any more."

    @classmethod
    def open(cls) -> "frozenset[Found]":
        """What keeps a restoration from being settled."""
        return frozenset({cls.RUNNING, cls.ENDED})


class ErasureKind(Word):
    """Who wanted it erased."""

    PERSON = "person", "An admin asked for it."
    RETENTION = "retention", "Its labeling task keeps texts for so many days only."


class CanaryState(Word):
    """What one real-time call said about the params of a version."""

    SENT = "sent", "Its document is on the way."
    PROVED = "proved", "The API took the params and the answer was not cut off."
    FAILED = "failed", "The API refused the params, or the answer was cut off."


class FailureReason(Word):
    """Why a person must look, and what that person can do about it."""

    INVALID_REQUEST = "invalid_request", "The API refused the request. Change the task, then send it again."
    CUT_OFF = "cut_off", "The answer hit max_tokens. Raise max_tokens in a new version, then send it again."
    REFUSED = "refused", "The model declined to answer. Try another model, or close it."
    NOT_A_LABEL = "not_a_label", "The answer is not on the list of labels. Add the label, or word the task better."
    INVALID_ANSWER = "invalid_answer", "The answer does not fit the schema. Simplify the schema or the task."
    CONTEXT_EXCEEDED = "context_exceeded", "The text does not fit the model. Shorten it, or use another model."
    MISSING = "missing", "The batch ended and brought no line for it. Send it again if you accept the price."
    UNCLEAR = "unclear", "No clear answer came; it may have been paid. Send it again if you accept that."
    TOO_MANY_ATTEMPTS = "too_many_attempts", "It failed as often as allowed. Look at its history, then send it again."
    CONFIGURATION = "configuration", "The model or the account is not set up for it. Correct that, then send it again."
    UNKNOWN_OUTCOME = "unknown_outcome", "The API answered in a way that Nightshift does not know yet."
    STOPPED = "stopped", "A person stopped it from going again by itself. Send it again when the trouble is over."


class BulkKind(Word):
    """What is done with all documents of a selection."""

    AGAIN = "again", "They are labeled again."
    WITHDRAW = "withdraw", "They are not wanted any more."
    RESTORE = "restore", "They are wanted again, as they were."
    RETRY = "retry", "Those that failed are sent again."
    CLOSE = "close", "Those that failed are closed without a label."
    REOPEN = "reopen", "Those that were closed are open again."
    STOP = "stop", "Those that would go again by themselves wait for a decision."
    WAY = "way", "Those that wait leave another way."


class WaitingReason(Word):
    """Why a queued document has not left yet: the closed list that every page uses."""

    TONIGHT = "tonight", "Leaves with the next night."
    HELD = "held", "Held by a person."
    PAUSED = "paused", "Sending is paused."
    IMPORTING = "importing", "Its upload is not wholly imported yet."
    TRIAL = "trial", "Waits for the decision about a trial."
    CANARY = "canary", "Waits for the canary of its version."
    MOVING = "moving", "Is being moved to the version that was put in use."
    QUEUE_FULL = "queue_full", "The account's queue is full."
    RETRY_AFTER = "retry_after", "The API asked to wait."
    DOUBT = "doubt", "An earlier submission is not settled."
    LIMIT = "limit", "The money limit is reached."
    COPY = "copy", "Follows another document with the same text."
    BACK_OFF = "back_off", "Goes again after a short wait."


class RefusalReason(Word):
    """Why a row of a file did not become a document."""

    BLANK_TEXT = "blank_text", "The text is blank."
    TOO_LARGE = "too_large", "The text is larger than allowed."
    NOT_TEXT = "not_text", "The value in the text column is not a string."
    BAD_CHARACTER = "bad_character", "The text has a NUL or a lone surrogate, which cannot be stored."
    BAD_ENCODING = "bad_encoding", "The bytes are not text in the file's encoding."
    BAD_JSON = "bad_json", "The line is not a JSON object."
    RAGGED_ROW = "ragged_row", "The row has more or fewer cells than the header."
    OPEN_QUOTE = "open_quote", "A quote was opened and never closed."
