"""A test to every address, so that an administrator knows before the night that alarms arrive."""

import secrets

from django.utils import timezone

from labeling import activity
from labeling.models import Notice
from labeling.states import NoticeKind
from labeling.transitions import notices

from .alarms import house
from .delivery import attempt
from .receivers import WEBHOOK, addresses, link, names
from .uploads import envelope


def make_test(by: object) -> str:
    """A test message to every mailbox, chat and webhook; its subject. No ping: that says that a night is well."""
    subject, now = f"test-{secrets.token_hex(6)}", timezone.now()
    everybody = dict.fromkeys((*addresses().alarms, *addresses().reports))
    text = f"This is a test. Alarms and reports of {link('/')} arrive here.\n"
    notices.make(NoticeKind.TEST, subject, names(everybody), title=f"{house()}: test", body=text, now=now)
    if addresses().webhook_url:
        notices.make(NoticeKind.TEST, subject, [WEBHOOK], body=envelope("test", {}, now), now=now)
    activity.record(by, f"Sent a test to {_count(subject)}", "settings")
    return subject


def deliver_test(subject: str) -> list[Notice]:
    """Tries each message of a test once, here and now, and says what became of it."""
    for pk in Notice.objects.on_the_way().filter(subject=subject).values_list("pk", flat=True):
        if notice := notices.claim(timezone.now(), pk=pk):
            attempt(notice)
    return list(Notice.objects.filter(subject=subject).order_by("pk"))


def _count(subject: str) -> str:
    number = Notice.objects.filter(subject=subject).count()
    return f"{number} {'address' if number == 1 else 'addresses'}"
