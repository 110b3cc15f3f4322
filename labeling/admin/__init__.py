"""The door for looking at every row, and for the few acts that belong to nobody else's page.

Who comes in: a user with `is_staff`; group membership alone opens the product but not /admin. Inside,
the permissions of the groups count: `labeling.view` shows every page, `labeling.operate` (groups
operator and admin) offers the actions and the name and priority of a task, `labeling.administer`
(group admin) the prices. To let a member of the group admin in, tick "staff status" on the user's page.

What it does: rows of the story are read-only. Actions take the checked rows, leave out those in
another state, call one function of the pipeline or one transition, and say how many moved and why
the others did not. The web process does not import anthropic, so nothing here calls the API.

How it stays fast on millions of rows: no table is counted, lists are ordered by their key alone,
searches take an id, an external id or a custom_id, and filters are only those that an index serves.

    base       what all pages have in common
    tasks, uploads, documents, batches, results, money, operations    the rows, in story order
    outgoing   alarms and messages
    people     one-time passwords, tries to sign in
    leaving    trials and orders to send now
    listed     models and token counts, as the API said
    settling   what a person decides about an unclear submission
    choosing   which of the checked documents may move
    selections what people chose on the documents page
    queues     django-q's own tables

The order of the first page is in labeling/admin_site.py.
"""

from . import (
    batches,
    documents,
    erasures,
    leaving,
    listed,
    money,
    operations,
    outgoing,
    people,
    queues,
    restorations,
    results,
    selections,
    tasks,
    uploads,
)

__all__ = [
    "batches",
    "documents",
    "erasures",
    "leaving",
    "listed",
    "money",
    "operations",
    "outgoing",
    "people",
    "queues",
    "restorations",
    "results",
    "selections",
    "tasks",
    "uploads",
]
