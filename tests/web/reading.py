"""Reading pages as a person does: the words without the markup."""

import re

from django.test import Client


def words(html: bytes) -> str:
    text = re.sub(r"</?bdi>", "", html.decode())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)).replace("&quot;", '"').replace("&#x27;", "'")


def see(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response.status_code
    return words(response.content)
