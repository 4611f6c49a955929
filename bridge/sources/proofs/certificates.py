"""The address of a certificate in a request: whose host it must be on before anybody fetches it.

What trust rests on: the certificate is fetched over https from a host of the vendor, so the system's certificate
authorities vouch for the host, and the host for the certificate. Its own chain is not followed: whoever can put a
certificate on that host can put one there that chains to a public authority as well, for any domain of theirs. So the
host rule is strict: one spelling, no port, no user, no query, no escapes; and no redirect is followed when fetching.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from bridge.diagnostics import problem
from bridge.sources.places import CertificateAddressPlace, Part, Place, known_place
from bridge.sources.presented import Presented
from bridge.sources.proofs.encodings import KeyKind
from bridge.sources.verdict import Reason, Unbelieved

if TYPE_CHECKING:
    from bridge.sources.proofs.keys import PublicKey

MOST_ADDRESS_CHARACTERS = 512

_ADDRESS = re.compile(
    r"https://(?P<host>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+)"
    r"(?P<path>(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+)",
    re.ASCII,
)
# At least two labels stand after the star, so that `*.com` is none.
_HOST_RULE = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+", re.ASCII)


def _host_rule(value: str) -> str:
    if not _HOST_RULE.fullmatch(value):
        raise problem(
            "this is no host of certificates",
            help="write `certs.example.com`, or `*.example.com` for every host below it, in lower case",
        )
    return value


def _some_hosts(value: tuple[str, ...]) -> tuple[str, ...]:
    """At least one; not said of a list whose only host is a mistake, as the library's own check would."""
    if not value:
        raise problem("nobody's certificate is believed", help="name the host that the sender's certificates are on")
    return value


class CertificatePlace(Part):
    """The certificate that the request names, in place of `public_keys`."""

    from_: CertificateAddressPlace = Field(alias="from")
    """`header:NAME` or `json:PATH`: where its address stands."""
    hosts: Annotated[
        tuple[Annotated[str, AfterValidator(_host_rule)], ...], Field(max_length=8), AfterValidator(_some_hosts)
    ]
    """Only from these hosts, over https: `certs.example.com`, or `*.example.com` for every host below it."""

    @cached_property
    def place(self) -> Place:
        """The place that `from` means."""
        return known_place(self.from_)


def named_certificate(certificate: CertificatePlace, request: Presented) -> str:
    """The address of the certificate that a request names.

    Raises:
        Unbelieved: it names none, or one that is not on one of the hosts.
    """
    address = request.only(certificate.place, "CERTIFICATE")
    host = host_of(address)
    if host is None or not is_on(host, certificate.hosts):
        raise Unbelieved(
            Reason.CERTIFICATE_REFUSED,
            f"{certificate.place.shown} is no plain https address on {', '.join(certificate.hosts)}",
        )
    return address


def certified_key(
    address: str, certificates: Mapping[str, bytes], kinds: frozenset[KeyKind], now_ms: int
) -> "PublicKey":
    """The key of a certificate that was fetched.

    Args:
        address: where it was fetched from; already checked against the hosts.
        certificates: PEM bytes by address.
        kinds: what the scheme can use.
        now_ms: the present, which must be within the certificate's time.

    Raises:
        Unbelieved: it was not fetched yet (`certificate_url` says which one), or is not good for this.
    """
    from bridge.sources.proofs.keys import KeyUnusable, demand, read_certificate  # noqa: PLC0415 - loads slowly

    pem = certificates.get(address)
    if pem is None:
        raise Unbelieved(
            Reason.CERTIFICATE_UNKNOWN, "the certificate that signed this is not here", certificate_url=address
        )
    try:
        certificate = read_certificate(pem)
        demand(certificate.key, kinds)
    except KeyUnusable as error:
        raise Unbelieved(Reason.CERTIFICATE_INVALID, f"the certificate {error.reason}") from None
    if not certificate.is_valid(now_ms):
        raise Unbelieved(Reason.CERTIFICATE_INVALID, "the certificate is not valid at this time; is a clock wrong?")
    return certificate.key


def host_of(address: str) -> str | None:
    """The host of an https address in its one accepted spelling; None for anything else."""
    found = _ADDRESS.fullmatch(address) if len(address) <= MOST_ADDRESS_CHARACTERS else None
    return None if found is None else found["host"]


def is_on(host: str, rules: Sequence[str]) -> bool:
    """Whether a host is one of those named; `*.example.com` stands for every host below `example.com`."""
    return any(host.endswith(rule[1:]) if rule.startswith("*.") else host == rule for rule in rules)
