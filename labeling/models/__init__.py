"""The rows of Nightshift, a file for each part of the story."""

from .batches import Account, Batch, BatchEvent, BatchShare, Candidate, Night, Request, Result, ResultLine, StrayLine
from .decisions import Tryout
from .documents import Document, DocumentText, DocumentWords
from .erasures import Erasure
from .estimates import UploadEstimate
from .leaving import SendOrder, Trial, TrialDocument
from .listed import ListedModel, TokenCount
from .money import LimitRelease, ModelPrice
from .operations import Activity, Gate, Heartbeat, LedgerCheck, Setting, Taken, UnfinishedWork
from .outgoing import Alarm, Notice
from .people import OneTimePassword, SignInTries
from .restorations import FoundBatch, Restoration
from .selections import BulkAct, SelectedDocument, Selection
from .tallies import AnswerTally, DocumentTally, FailureTally, RequestTally, SpendTally
from .tasks import Canary, LabelingTask, LabelingTaskVersion
from .uploads import RefusedRow, Upload

__all__ = [
    "Account",
    "Activity",
    "Alarm",
    "AnswerTally",
    "Batch",
    "BatchEvent",
    "BatchShare",
    "BulkAct",
    "Canary",
    "Candidate",
    "Document",
    "DocumentTally",
    "DocumentText",
    "DocumentWords",
    "Erasure",
    "FailureTally",
    "FoundBatch",
    "Gate",
    "Heartbeat",
    "LabelingTask",
    "LabelingTaskVersion",
    "LedgerCheck",
    "LimitRelease",
    "ListedModel",
    "ModelPrice",
    "Night",
    "Notice",
    "OneTimePassword",
    "RefusedRow",
    "Request",
    "RequestTally",
    "Restoration",
    "Result",
    "ResultLine",
    "SelectedDocument",
    "Selection",
    "SendOrder",
    "Setting",
    "SignInTries",
    "SpendTally",
    "StrayLine",
    "Taken",
    "TokenCount",
    "Trial",
    "TrialDocument",
    "Tryout",
    "UnfinishedWork",
    "Upload",
    "UploadEstimate",
]
