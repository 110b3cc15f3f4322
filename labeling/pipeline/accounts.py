"""Which row stands for the account that the key in use belongs to."""

from labeling import batch_api
from labeling.models import Account

SANDBOX = "sandbox"
"""The sandbox's port may change from start to start; its account does not."""


def account_in_use(workspace_id: str = "") -> Account:
    """The account by API address and, where a response told it, workspace.

    As long as no response has told the workspace, the account that was seen last with this key counts.
    """
    seen = batch_api.account()
    base_url = SANDBOX if seen.is_sandbox else seen.base_url
    at_address = Account.objects.filter(base_url=base_url)
    of_this_key = at_address.filter(key_fingerprint=seen.key_fingerprint).order_by("-pk")
    if not workspace_id:
        return of_this_key.first() or _account(base_url, "", seen.key_fingerprint)
    untold = of_this_key.filter(workspace_id="")
    if not at_address.filter(workspace_id=workspace_id).exists() and untold.update(workspace_id=workspace_id):
        return at_address.get(workspace_id=workspace_id)
    return _account(base_url, workspace_id, seen.key_fingerprint)


def account_of_key() -> Account:
    """The account of the key in use; a key that was not seen before is asked for its workspace.

    Raises ApiError when the API does not tell.
    """
    seen = batch_api.account()
    base_url = SANDBOX if seen.is_sandbox else seen.base_url
    known = Account.objects.filter(base_url=base_url, key_fingerprint=seen.key_fingerprint).exclude(workspace_id="")
    if account := known.order_by("-pk").first():
        return account
    newest = next(batch_api.list_batches(limit=1), None)
    return account_in_use(newest.workspace_id if newest else "")


def _account(base_url: str, workspace_id: str, key_fingerprint: str) -> Account:
    account, _ = Account.objects.update_or_create(
        base_url=base_url, workspace_id=workspace_id, defaults={"key_fingerprint": key_fingerprint}
    )
    return account
