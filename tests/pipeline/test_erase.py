"""What is erased is nowhere any more; counts, money and history stay, and nothing of it is ever sent again."""

import json
import os
import shutil
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from labeling import store
from labeling.models import Batch, Document, Erasure, LabelingTask, Notice, Request, Selection, Upload
from labeling.outgoing.uploads import envelope, told
from labeling.pipeline import bulk, erase, submit, urgent
from labeling.pipeline.erase import NotErased
from labeling.pipeline.trying import NotTried, try_on_documents
from labeling.states import BatchState, NoticeKind, Way
from labeling.transitions import notices, withdrawing
from labeling.transitions.again import queue_again
from tests.pipeline import story
from tests.pipeline.story import a_version, brought_in, played, setting, states
from tests.pipeline.test_drafts import saved

SECRET = "Maria Zimmermann wants her money back"


def carried_out() -> None:
    erase.carry_out(setting(), until=timezone.now() + timedelta(minutes=1))


def places_with(words: str) -> list[str]:
    """Every column of every table in which the words stand."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() "
            "AND (data_type IN ('text', 'jsonb', 'character varying', 'json', 'bytea'))"
        )
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}"::text LIKE %s', [f"%{words}%"])
            if cursor.fetchone()[0]:
                found.append(f"{table}.{column}")
    return found


def files_with(words: str) -> list[str]:
    folder = store.folder("uploads").parent
    return [str(path) for path in folder.rglob("*") if path.is_file() and "pg" not in path.parts and _has(path, words)]


def _has(path, words: str) -> bool:
    return words.encode() in path.read_bytes()


@pytest.fixture
def echo(fake):
    """Every answer quotes the text that it was asked about."""
    from tests.fake_api import succeeded

    shutil.rmtree(store.folder("uploads"))
    fake.answer = lambda params: succeeded(f"red, because: {params['messages'][-1]['content']}")
    return fake


def an_upload(**more) -> Upload:
    version = a_version(kind="transform", labels=())
    lines = f"id;text;note\nZimmermann-7;{SECRET};{SECRET} too\nB-2;another thing;\nB-3;;{SECRET}\n"
    return brought_in_csv(version, lines, **more)


def brought_in_csv(version, lines: str, **more) -> Upload:
    from labeling.pipeline import intake

    upload = story.confirmed(version, lines.encode(), name="complaints.csv", **more)
    assert intake.import_rows(upload, setting())
    return upload


def test_an_upload_that_is_erased_is_nowhere_any_more_and_stays_counted(echo):
    upload = an_upload()
    played(echo)
    before = {name: getattr(upload, name) for name in ("rows", "accepted", "refused")}
    assert places_with(SECRET)
    assert files_with(SECRET)
    digest = Document.objects.filter(upload=upload).order_by("pk").first().sha256
    paid = Batch.objects.get().paid_usd
    erase.erase_upload(upload, by="admin", reason="she asked for it")
    carried_out()
    assert places_with(SECRET) == []
    assert places_with("Zimmermann-7") == []
    assert places_with(bytes(digest).hex()[:8]) == []
    assert files_with(SECRET) == []
    upload.refresh_from_db()
    assert {name: getattr(upload, name) for name in before} == before
    assert states() == {"labeled": 2}
    assert Batch.objects.get().paid_usd == paid
    assert Erasure.objects.get().done_at is not None
    assert Erasure.objects.get().documents == 2


def test_what_waits_is_withdrawn_before_the_request_returns(echo):
    upload = an_upload()
    erase.erase_upload(upload, by="admin", reason="wrong")
    assert story.sent() == []
    carried_out()
    assert states() == {"withdrawn": 2}
    assert echo.called("create_batch") == []
    assert places_with(SECRET) == []


def test_a_batch_that_was_not_sent_yet_is_taken_apart(echo):
    an_upload()
    (batch,) = story.built()
    document = story.the_document(SECRET)
    erase.erase_documents(Document.objects.filter(pk=document.pk), setting(), by="admin", reason="wrong")
    assert story.anew(batch).state == BatchState.REJECTED
    submit.submit(batch, setting())
    assert echo.called("create_batch") == []
    (again,) = story.sent()
    assert again.request_total == 1
    assert set(places_with(SECRET)) <= {"labeling_refusedrow.raw"}
    assert files_with(SECRET) == []


def test_what_is_in_flight_is_booked_without_its_words(echo):
    upload = an_upload()
    (batch,) = story.sent()
    erase.erase_upload(upload, by="admin", reason="wrong")
    carried_out()
    assert places_with(SECRET) == []
    assert Erasure.objects.get().done_at is None
    echo.end()
    story.polled()
    story.fetched()
    batch = story.anew(batch)
    assert (batch.state, batch.paid_usd > 0) == (BatchState.INGESTED, True)
    assert states() == {"withdrawn": 2}
    assert places_with(SECRET) == []
    carried_out()
    assert Erasure.objects.get().done_at is not None


def test_a_result_that_is_read_again_leaves_no_stray_line_of_what_was_erased(echo):
    upload = an_upload()
    played(echo)
    erase.erase_upload(upload, by="admin", reason="wrong")
    carried_out()
    Batch.objects.update(state=BatchState.ENDED, ingested_at=None)
    story.fetched()
    assert places_with(SECRET) == []


def test_what_was_erased_is_never_sent_again(echo):
    upload = an_upload()
    played(echo)
    erase.erase_upload(upload, by="admin", reason="wrong")
    carried_out()
    assert queue_again(Document.objects.all(), Way.NOW) == 0
    assert not withdrawing.restore(Document.objects.all(), zone="UTC")
    assert not withdrawing.restore_upload(upload)
    assert story.sent() == []


def test_a_copy_elsewhere_keeps_its_label_and_leads_from_then_on(echo):
    version = a_version(kind="transform", labels=())
    brought_in(version, [SECRET])
    copy = brought_in(version, [SECRET, "another"])
    played(echo)
    leader = story.the_document(SECRET)
    erase.erase_documents(Document.objects.filter(pk=leader.pk), setting(), by="admin", reason="wrong")
    heir = Document.objects.get(upload=copy, content__text=SECRET)
    assert (heir.state, heir.leader_id) == ("labeled", None)
    assert SECRET in heir.result.answer
    leader.refresh_from_db()
    assert (leader.leader_id, leader.erasure_id is not None) == (None, True)
    third = brought_in(version, [SECRET])
    assert Document.objects.get(upload=third).leader_id == heir.pk
    erase.erase_documents(
        Document.objects.filter(pk=heir.pk), setting(), by="admin", reason="all of it", with_copies=True
    )
    assert places_with(SECRET) == []
    assert files_with(SECRET) == []


def test_copies_of_what_was_in_flight_get_its_answer_and_a_leader(echo):
    version = a_version(kind="transform", labels=())
    brought_in(version, [SECRET])
    (batch,) = story.sent()
    copy = brought_in(version, [SECRET])
    leader = story.the_document(SECRET)
    erase.erase_documents(Document.objects.filter(pk=leader.pk), setting(), by="admin", reason="wrong")
    echo.end()
    story.polled()
    story.fetched()
    carried_out()
    heir = Document.objects.get(upload=copy)
    assert (heir.state, heir.leader_id) == ("labeled", None)
    assert SECRET in heir.result.answer
    assert Request.objects.count() == 1
    assert story.anew(batch).state == BatchState.INGESTED


def test_whoever_dies_in_the_middle_is_followed_by_one_that_goes_on(echo, monkeypatch):
    version = a_version(kind="transform", labels=())
    upload = brought_in(version, [f"{SECRET} {n}" for n in range(7)])
    played(echo)
    monkeypatch.setattr(erase, "PORTION", 3)
    erase.erase_upload(upload, by="admin", reason="wrong")
    for place in ("erase: erasing", "erase: portion done", "erase: file removed"):
        with monkeypatch.context() as patched:
            patched.setattr(erase.faults, "reach", _dies_at(place))
            with pytest.raises(_Died):
                carried_out()
    carried_out()
    assert places_with(SECRET) == []
    assert files_with(SECRET) == []
    assert Erasure.objects.get().documents == 7


class _Died(Exception):
    pass


def _dies_at(place: str):
    def reach(name: str) -> None:
        if name == place:
            raise _Died

    return reach


def test_a_file_that_another_upload_has_too_stays(echo):
    upload, same = an_upload(), an_upload()
    erase.erase_upload(upload, by="admin", reason="wrong")
    carried_out()
    assert store.upload_path(same.sha256).exists()
    erase.erase_upload(same, by="admin", reason="wrong")
    carried_out()
    assert not store.upload_path(same.sha256).exists()


def test_who_asks_second_reads_who_was_first(echo):
    upload = an_upload()
    erase.erase_upload(upload, by="anna", reason="she asked for it")
    with pytest.raises(NotErased, match="anna asked for it before: she asked for it"):
        erase.erase_upload(upload, by="otto", reason="me too")


def test_an_import_that_is_under_way_stops(echo):
    upload = story.confirmed(a_version(), b"one\ntwo\n")
    erase.erase_upload(upload, by="admin", reason="wrong")
    from labeling.pipeline import intake

    assert not intake.import_rows(upload, setting())
    carried_out()
    assert Document.objects.count() == 0


def test_retention_erases_what_is_over_since_so_many_days_and_nothing_that_waits(echo):
    upload = an_upload()
    played(echo)
    from labeling.transitions import uploads

    uploads.finish()
    waiting = brought_in(upload.version, ["it still waits"], way=Way.TONIGHT)
    task = LabelingTask.objects.get()
    assert erase.set_retention(task, 30, by="admin")
    assert not erase.set_retention(task, 30, by="admin")
    Upload.objects.update(created_at=timezone.now() - timedelta(days=29))
    assert erase.ask_for_what_is_old(setting(), timezone.now()) == 0
    Upload.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert erase.ask_for_what_is_old(setting(), timezone.now()) == 1
    assert erase.ask_for_what_is_old(setting(), timezone.now()) == 0
    carried_out()
    assert places_with(SECRET) == []
    assert Document.objects.get(upload=waiting).erasure_id is None


def test_what_a_killed_sender_left_in_the_spool_does_not_stay(echo):
    left = store.folder("spool") / "body"
    left.write_text(SECRET)
    assert store.sweep_temporary(older_than=60) == 0
    os.utime(left, (0, 0))
    assert store.sweep_temporary(older_than=60) == 1
    assert not left.exists()


def tried(document: Document) -> Upload:
    """The text of the document, sent in real time under a draft of its task."""
    draft = saved(document.version.task).version
    return try_on_documents(draft, [document.pk], seen=draft.stamp, by="ada")


def a_labeled_document(echo) -> Document:
    brought_in(a_version(kind="transform", labels=()), [SECRET])
    played(echo)
    return story.the_document(SECRET)


def erased(document: Document) -> None:
    erase.erase_documents(Document.objects.filter(pk=document.pk), setting(), by="admin", reason="wrong")


def test_what_was_tried_with_its_text_goes_with_it_and_is_not_sent_any_more(echo):
    upload = an_upload()
    played(echo)
    trial = tried(story.the_document(SECRET))
    before = trial.sha256
    erase.erase_upload(upload, by="admin", reason="wrong")
    carried_out()
    assert urgent.drain(setting()) == 0
    assert echo.called("send_message") == []
    assert places_with(SECRET) == []
    trial.refresh_from_db()
    assert trial.sha256 != before
    assert Document.objects.get(upload=trial).state == "withdrawn"


def test_what_is_being_tried_with_its_text_is_booked_without_its_words(echo):
    document = a_labeled_document(echo)
    trial = tried(document)
    answer = echo.answer

    def erased_meanwhile(params):
        erased(document)
        connections.close_all()
        return answer(params)

    echo.answer = erased_meanwhile
    assert urgent.drain(setting()) == 1
    carried_out()
    assert places_with(SECRET) == []
    assert Document.objects.get(upload=trial).state == "withdrawn"
    assert Erasure.objects.get().done_at is not None
    assert Request.objects.get(document__upload=trial).result.paid_usd > 0


def test_a_text_that_is_erased_while_it_is_to_be_tried_is_not_copied(echo):
    document = a_labeled_document(echo)
    found = story.at_once(lambda: tried(document), lambda: erased(document))
    assert all(result is None or isinstance(result, Upload | NotTried) for result in found), found
    urgent.drain(setting())
    assert places_with(SECRET) == []


def test_what_was_told_of_an_erased_upload_forgets_the_name_of_its_file(echo):
    upload = an_upload()
    other = an_upload()
    now = timezone.now()
    for each in (upload, other):
        body = envelope("upload.done", told(each), now)
        notices.make(NoticeKind.UPLOAD, f"U-{each.pk}@20261122", ["webhook:1"], body=body, now=now)
    erase.erase_upload(upload, by="admin", reason="wrong")
    carried_out()
    names = [json.loads(notice.body)["data"]["file_name"] for notice in Notice.objects.order_by("pk")]
    assert names == ["", "complaints.csv"]


def chosen(*documents: Document) -> Selection:
    return bulk.choose([document.pk for document in documents], by="ada")


def test_a_large_selection_is_erased_by_a_worker_that_goes_on_where_another_stopped(echo, monkeypatch):
    monkeypatch.setattr(erase, "MOST_DOCUMENTS", 2)
    monkeypatch.setattr(erase, "PORTION", 2)
    brought_in(a_version(kind="transform", labels=()), [f"{SECRET} {n}" for n in range(5)])
    kept = brought_in(a_version("others"), ["it stays"])
    played(echo)
    selection = chosen(*Document.objects.exclude(upload=kept))
    erasure = erase.erase_selection(selection, setting(), by="admin", reason="all of hers")
    assert erasure.done_at is None
    with monkeypatch.context() as patched:
        patched.setattr(erase.faults, "reach", _dies_at("erase: portion done"))
        with pytest.raises(_Died):
            carried_out()
    carried_out()
    erasure.refresh_from_db()
    assert (erasure.documents, erasure.done_at is not None) == (5, True)
    assert set(places_with(SECRET)) == set()
    assert Document.objects.get(upload=kept).content.text == "it stays"


def test_a_selection_takes_others_with_its_texts_along_only_if_that_is_said(echo):
    version = a_version(kind="transform", labels=())
    brought_in(version, [SECRET])
    copy = brought_in(version, [SECRET])
    played(echo)
    leader = story.the_document(SECRET)
    erase.erase_selection(chosen(leader), setting(), by="admin", reason="wrong")
    heir = Document.objects.get(upload=copy)
    assert heir.content.text == SECRET
    erase.erase_selection(chosen(heir, leader), setting(), by="admin", reason="wrong", with_copies=True)
    assert places_with(SECRET) == []


def test_of_two_who_erase_a_selection_at_once_one_is_first(echo):
    brought_in(a_version(kind="transform", labels=()), [SECRET])
    selection = chosen(story.the_document())
    both = story.at_once(
        *(lambda name=name: erase.erase_selection(selection, setting(), by=name, reason="wrong") for name in "ab")
    )
    assert sorted(type(each).__name__ for each in both) == ["Erasure", "NotErased"]
    assert Erasure.objects.count() == 1


def test_a_selection_that_is_being_erased_is_not_forgotten(echo, monkeypatch):
    monkeypatch.setattr(erase, "MOST_DOCUMENTS", 0)
    brought_in(a_version(), [SECRET])
    erase.erase_selection(chosen(story.the_document()), setting(), by="admin", reason="wrong")
    Selection.objects.update(created_at=timezone.now() - bulk.KEPT * 2)
    bulk.forget_old()
    carried_out()
    assert places_with(SECRET) == []
    bulk.forget_old()
    assert not Selection.objects.exists()
    assert Erasure.objects.get().documents == 1


def test_the_command_erases_by_a_list_of_ids_once_their_number_is_said(echo, tmp_path, capsys):
    an_upload()
    played(echo)
    ids = tmp_path / "ids.txt"
    ids.write_text(f"D-{story.the_document(SECRET).pk}\nnobody\n")
    with pytest.raises(SystemExit):
        call_command("erase_documents", str(ids), "--reason", "she asked")
    assert Document.objects.filter(erasure=None).count() == 2
    call_command("erase_documents", str(ids), "--reason", "she asked", "--documents", "1")
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said == {"erased": 1, "documents": 1, "unknown_ids": 1}
    assert set(places_with(SECRET)) == {"labeling_refusedrow.raw"}
