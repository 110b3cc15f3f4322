"""Where the web server listens, under which names it answers, and what its address is for a person."""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

import psutil

from batchsite.environment import Environment

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


def allowed_hosts(environment: Environment) -> list[str]:
    """The host names under which requests are answered.

    Listening on every interface, these are the names and addresses of this machine; any other name needs PUBLIC_URL.
    """
    hosts = {*LOCAL_NAMES, bracketed(environment.host)}
    if _is_every_interface(environment.host):
        hosts |= {socket.gethostname(), socket.getfqdn(), *_own_addresses()}
    if environment.public_url:
        hosts.add(bracketed(urlsplit(environment.public_url).hostname or ""))
    return sorted(host.lower() for host in hosts if host)


def is_public_https(environment: Environment) -> bool:
    """Whether people come by https, through something in front that ends it: then cookies are for https alone."""
    return bool(environment.public_url and environment.public_url.startswith("https://"))


def local_url(environment: Environment) -> str:
    """The address by which this machine reaches its own web server."""
    host = "127.0.0.1" if _is_every_interface(environment.host) else environment.host
    return f"http://{bracketed(host)}:{environment.port}"


def bracketed(host: str) -> str:
    """An IPv6 address as it stands in an address or a Host header."""
    return f"[{host}]" if ":" in host else host


def _is_every_interface(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _own_addresses() -> set[str]:
    families = (socket.AF_INET, socket.AF_INET6)
    return {
        bracketed(entry.address.partition("%")[0])
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in families
    }
