"""Taking a need in hand: one has it, the others read who, and it can be given back."""

from django.test import Client

from labeling import tasks
from labeling.models import Activity, Document, Taken
from tests.factories import make_document, make_task, make_upload, make_version
from tests.web.reading import see, words

KEY = "decision--letters--unclear"


def make_need() -> Document:
    return make_document(make_upload(make_version(make_task(slug="letters"))), state="failed", failure_reason="unclear")


def test_who_takes_a_need_is_shown_with_the_note(operator: Client, viewer: Client) -> None:
    make_need()
    operator.post(f"/needs/{KEY}/take", {"note": "I ask the owner of the file"})
    seen = see(viewer, "/")
    assert "operator-person has it since" in seen
    assert "I ask the owner of the file" in seen
    assert Activity.objects.get().sentence == f"Takes {KEY}: I ask the owner of the file"


def test_of_two_who_take_it_the_second_reads_who_was_first(operator: Client, admin: Client) -> None:
    make_need()
    admin.post(f"/needs/{KEY}/take", {"note": "mine"})
    response = operator.post(f"/needs/{KEY}/take", {"note": "no, mine"}, follow=True)
    assert "admin-person has had it since" in words(response.content)
    assert Taken.objects.get().by == "admin-person"
    assert Activity.objects.count() == 1


def test_a_need_that_was_given_back_can_be_taken_again(operator: Client, admin: Client) -> None:
    make_need()
    admin.post(f"/needs/{KEY}/take")
    operator.post(f"/needs/{KEY}/give-back")
    assert Activity.objects.latest("pk").sentence == f"Gives {KEY} back, which admin-person had"
    assert "has it since" not in see(operator, "/")
    operator.post(f"/needs/{KEY}/take")
    assert Taken.objects.get().by == "operator-person"


def test_giving_back_what_nobody_has_says_so(operator: Client) -> None:
    make_need()
    assert "Nobody had it any more." in words(operator.post(f"/needs/{KEY}/give-back", follow=True).content)


def test_what_is_settled_cannot_be_taken(operator: Client) -> None:
    response = operator.post(f"/needs/{KEY}/take", follow=True)
    assert "it is settled already" in words(response.content)
    assert not Taken.objects.exists()
    assert operator.get(f"/needs/{KEY}/").status_code == 404


def test_a_need_that_is_gone_is_in_nobodys_hands_any_more(operator: Client) -> None:
    document = make_need()
    operator.post(f"/needs/{KEY}/take")
    tasks.ledger()
    assert Taken.objects.exists()
    Document.objects.filter(pk=document.pk).update(state="queued", failure_reason="")
    tasks.ledger()
    assert not Taken.objects.exists()


def test_a_note_that_is_too_long_takes_nothing(operator: Client) -> None:
    make_need()
    operator.post(f"/needs/{KEY}/take", {"note": "x" * 201})
    assert not Taken.objects.exists()
