"""What was told to whom: alarms with their messages, the last test, the tries of an upload's webhook."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from labeling.models import Alarm, Notice, Upload
from labeling.states import NoticeKind

MOST_ALARMS = 20


@dataclass(frozen=True, slots=True)
class Told:
    """An alarm with its messages: how many receivers were told of its begin and of its end, and the last trouble."""

    alarm: Alarm
    notices: Sequence[Notice]

    @property
    def arrived(self) -> int:
        return self._arrived(NoticeKind.ALARM)

    @property
    def arrived_at(self) -> datetime | None:
        return self._at(NoticeKind.ALARM)

    @property
    def end_arrived_at(self) -> datetime | None:
        return self._at(NoticeKind.CLEARING)

    @property
    def receivers(self) -> int:
        return len({notice.receiver for notice in self.notices})

    @property
    def waiting(self) -> Notice | None:
        """The message that is being tried again, or was given up."""
        late = (notice for notice in self.notices if notice.last_error and not notice.delivered_at)
        return next((notice for notice in late if notice.tries), None)

    def _arrived(self, kind: NoticeKind) -> int:
        return sum(notice.kind == kind and notice.delivered_at is not None for notice in self.notices)

    def _at(self, kind: NoticeKind) -> datetime | None:
        times = [notice.delivered_at for notice in self.notices if notice.kind == kind and notice.delivered_at]
        return max(times, default=None)


def recent() -> list[Told]:
    """The newest alarms that were told; those that stand first. Three queries."""
    told = Alarm.objects.filter(told_at__isnull=False)
    standing = list(told.filter(cleared_at__isnull=True).order_by("-pk")[:MOST_ALARMS])
    over = list(told.filter(cleared_at__isnull=False).order_by("-pk")[: MOST_ALARMS - len(standing)])
    alarms = standing + over
    by_subject: dict[str, list[Notice]] = {}
    for notice in Notice.objects.of_alarms().filter(subject__in=[str(alarm) for alarm in alarms]).order_by("pk"):
        by_subject.setdefault(notice.subject, []).append(notice)
    return [Told(alarm, by_subject.get(str(alarm), [])) for alarm in alarms]


def last_test() -> list[Notice]:
    """The messages of the newest test."""
    newest = Notice.objects.filter(kind=NoticeKind.TEST).order_by("-pk").first()
    return list(Notice.objects.filter(subject=newest.subject).order_by("pk")) if newest else []


def webhook_of(upload: Upload) -> Notice | None:
    """The message about the last time that it was done."""
    return Notice.objects.filter(kind=NoticeKind.UPLOAD, subject=upload.completion).first()
