"""Asking an account what it has, for `check --live`: few read-only calls, one after another, within the limits.

The same client, credentials, addresses and budgets as deliveries have. A 429 is waited for, and so is a short outage;
what takes longer than `PATIENCE_MS` counts as not reached.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from bridge.clock import Clock
from bridge.connectors.answer import Answer
from bridge.connectors.destination import Destination
from bridge.connectors.looking import CompiledLive, CompiledLook, NoList, Thing
from bridge.connectors.request import MASK, OutboundRequest
from bridge.connectors.verdict import Verdict
from bridge.expressions import RenderError
from bridge.model import DeadKind, Outcome
from bridge.outbound.budgets import Budgets
from bridge.outbound.client import Client, HttpClient
from bridge.outbound.credentials import Credentials, TokenRefused
from bridge.outbound.vault import Vault
from bridge.rules.claims import Subject
from bridge.rules.creations import Wanted
from bridge.rules.judging import Known, Things

PATIENCE_MS: Final = 90_000
"""So long all waits for one account may take together."""
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""HubSpot gives all properties of a type in one answer, each with its options."""
MOST_PAGES: Final = 30
MOST_OUTAGES: Final = 2
OUTAGE_WAIT_MS: Final = 1_000
SHORTEST_WAIT_MS: Final = 100
"""An API that refuses and wants to be asked again at once is not hammered; the patience ends it."""
SHORTEST_SECRET: Final = 6
"""What is shorter would be masked in ordinary words, too."""

Judge = Callable[[Answer], Verdict]


class Classify(Protocol):
    """What a part of the connector says about an answer."""

    def __call__(self, answer: Answer, *, now_ms: int) -> Verdict: ...  # noqa: D102 - see the class


class NotReached(Exception):  # noqa: N818 - reads as what happened
    """The account gave no answer that means anything; the text says why."""


class CredentialsRefused(Exception):  # noqa: N818 - reads as what happened
    """The account does not take the credentials; the text says how it said so."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """Something that could not be asked: what, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Told:
    """What an account told."""

    destination: str
    calls: int
    known: Known | None = None
    """None when nothing was learned; with `unreached` it is what was learned before that."""
    shown: Mapping[str, str] = field(default_factory=dict)
    taken: bool = False
    """Whether something was answered that only good credentials are told."""
    withheld: tuple[Withheld, ...] = ()
    refused: str | None = None
    """Why the credentials are not taken."""
    unreached: str | None = None
    """Why there was no answer that means anything."""
    nothing: str | None = None
    """Why nothing can be asked of this destination at all."""


@dataclass(slots=True)
class _Learned:
    """What the account told so far."""

    account: Verdict | None = None
    shown: Mapping[str, str] = field(default_factory=dict)
    scopes: frozenset[str] | None = None
    things: dict[Subject, Things] = field(default_factory=dict)

    @property
    def taken(self) -> bool:
        """Whether something was answered that only good credentials are told."""
        return (self.account is not None and self.account.succeeded) or self.scopes is not None or bool(self.things)

    @property
    def is_forbidden(self) -> bool:
        """Whether nothing at all may be asked."""
        return self.account is not None and self.account.outcome is Outcome.UNAUTHORIZED and not self.taken


class Asking:
    """Asks one destination's account. Close it afterwards.

    Args:
        destination: whose.
        clock: the time.
        vault: keeps refresh tokens that the API replaces.
        client: sends; by default one of its own.
    """

    def __init__(
        self, destination: Destination, clock: Clock, vault: Vault | None = None, client: Client | None = None
    ) -> None:
        self._destination = destination
        self._clock = clock
        self._client = client or HttpClient(
            destination.base_url,
            timeout_ms=destination.timeout_ms,
            allow_private_addresses=destination.allow_private_addresses,
            token_url=destination.token_url,
            max_answer_bytes=MAX_ANSWER_BYTES,
        )
        self._credentials = Credentials(destination, self._client, clock, vault)
        self._budgets = Budgets(destination.limits, clock)
        self._until_ms = clock.now_ms() + PATIENCE_MS
        self._withheld: list[Withheld] = []
        self._secrets = set(_given_secrets(destination))
        self.calls = 0

    async def ask(self, subjects: Sequence[Subject], *, scopes: bool) -> Told:
        """Ask for the account, what the credentials may do (if `scopes`), and every list.

        Never raises for what the other side does: the result says it.
        """
        live = self._destination.connector.live
        nothing = self._why_nothing(live)
        if live is None or nothing is not None:
            return Told(self._destination.name, 0, nothing=nothing)
        self._withheld.clear()
        learned = _Learned()
        refused = unreached = None
        try:
            await self._learn(learned, live, subjects, scopes=scopes)
        except CredentialsRefused as problem:
            refused = self._without_secrets(str(problem))
        except NotReached as problem:
            unreached = self._without_secrets(str(problem))
        if refused is None and learned.is_forbidden:
            # a token with a misspelled scope is a good one that may do nothing
            refused = f"every question is refused: {self._withheld[0].why}"
        nothing_learned = refused is not None or learned.account is None
        return Told(
            self._destination.name,
            self.calls,
            known=None if nothing_learned else Known(live.looks, learned.things, learned.scopes),
            shown=learned.shown,
            taken=learned.taken,
            withheld=tuple(self._withheld) if refused is None else (),
            refused=refused,
            unreached=unreached,
        )

    def _why_nothing(self, live: CompiledLive | None) -> str | None:
        connector = self._destination.connector.connector
        if live is None:
            return f"the connector `{connector.name}` does not say what can be asked (`live`)"
        settings = self._destination.all_settings
        absent = next((need for need in live.account.account.needs if not settings.get(need)), None)
        if absent is None:
            return None
        setting = connector.settings.get(absent)
        return f"the destination has no `{absent}`" + (f" ({setting.doc})" if setting is not None else "")

    async def _learn(self, learned: _Learned, live: CompiledLive, subjects: Sequence[Subject], *, scopes: bool) -> None:
        """Ask one thing after another; what was learned until something goes wrong stays learned."""
        learned.account = await self._account(live)
        if learned.account.succeeded:
            learned.shown = live.account.shown(learned.account.body)
        if scopes and live.scopes:
            learned.scopes = await self._scopes(live)
        for subject in subjects:
            things = await self._things(live, subject)
            if things is not None:
                learned.things[subject] = things

    async def create(self, wanted: Wanted) -> str | None:
        """Create one thing; why it could not be, None when it is there now.

        A lost answer is not tried again: asking anew shows what became of it.
        """
        creation, subject = wanted.creation, wanted.subject
        try:
            request = creation.build(
                self._destination.settings, subject.of, wanted.id, wanted.like.raw, unique=wanted.unique
            )
            verdict = await self._answered(
                f"live.{subject.look}.create",
                request,
                lambda answer: creation.classify(answer, now_ms=self._clock.now_ms()),
                outages=0,
            )
        except (NotReached, CredentialsRefused) as problem:
            return self._without_secrets(str(problem))
        except RenderError as error:
            return error.message
        return None if verdict.succeeded else self._without_secrets(_said(verdict))

    async def close(self) -> None:
        """Close the connections."""
        await self._credentials.close()
        await self._client.close()

    # --- one look each -----------------------------------------------------------------------------------------

    async def _account(self, live: CompiledLive) -> Verdict:
        request = self._built(lambda: live.account.build(self._destination.settings))
        verdict = await self._answered("live.account", request, self._judge(live.account.classify))
        if not verdict.succeeded:
            self._withheld.append(Withheld("the account", self._without_secrets(_said(verdict))))
        return verdict

    async def _scopes(self, live: CompiledLive) -> frozenset[str] | None:
        """What the credentials may do; None when there is no telling. Nothing of these answers is shown."""
        headers = await self._headers()
        kind, _, token = headers.get("Authorization", "").partition(" ")
        settings = self._destination.all_settings
        look = next((each for each in live.scopes if all(settings.get(need) for need in each.needs)), None)
        if look is None or kind != "Bearer":
            self._withheld.append(Withheld("the scopes", "this kind of credentials has none to show"))
            return None
        request = self._built(lambda: look.build(settings, token))
        verdict = await self._answered("live.scopes", request, self._judge(look.classify))
        found = look.read(verdict.body) if verdict.succeeded else None
        if found is None:
            why = "the answer does not name them" if verdict.succeeded else verdict.code
            self._withheld.append(Withheld("the scopes", self._without_secrets(why)))
        return found

    async def _things(self, live: CompiledLive, subject: Subject) -> Things | None:
        """One list with all its pages; None, and a note, when it may not be read or has no end."""
        look = live.looks[subject.look]
        request: OutboundRequest | None = self._built(lambda: look.build(self._destination.settings, subject.of))
        what = f"the list `{subject.look}`" + (f" of {subject.of}" if subject.of else "")
        things: dict[str, Thing] = {}
        for _ in range(MOST_PAGES):
            if request is None:
                return things
            verdict = await self._answered(f"live.{subject.look}", request, self._judge(look.classify))
            if not verdict.succeeded:
                self._withheld.append(Withheld(what, self._without_secrets(_said(verdict))))
                return None
            request = _take_page(look, verdict.body, request, things)
        if request is not None:
            self._withheld.append(Withheld(what, f"it has more than {MOST_PAGES} pages"))
            return None
        return things

    # --- one call ----------------------------------------------------------------------------------------------

    async def _answered(
        self, name: str, request: OutboundRequest, judge: Judge, *, outages: int = MOST_OUTAGES
    ) -> Verdict:
        """Send until there is an answer that means something.

        Raises:
            CredentialsRefused: a 401, also with a new token.
            NotReached: there is none, or not soon enough.
        """
        slots = self._budgets.slots(name, None, request.method)
        renewed = False
        while True:
            await self._wait(self._budgets.free_at_ms(slots), "its limits are used up")
            headers, version = await self._headers(), self._credentials.version
            spending = self._budgets.take(slots)
            answer = await self._client.send(request, headers)
            spending.end(answer)
            self.calls += 1
            verdict = judge(answer)
            asked_ms = max(
                (each for each in (verdict.retry_after_ms, verdict.wait_ms) if each is not None), default=None
            )
            if verdict.outcome is Outcome.RATE_LIMITED and asked_ms is not None:
                await self._wait(self._clock.now_ms() + max(asked_ms, SHORTEST_WAIT_MS), "its limits are used up")
            elif verdict.outcome is Outcome.RATE_LIMITED:
                self._budgets.refused(slots, answer, None)
            elif verdict.outcome is Outcome.UNAUTHORIZED and verdict.status == 401:  # noqa: PLR2004 - a 403 is an answer
                if renewed or not self._credentials.can_refresh:
                    raise CredentialsRefused(_said(verdict))
                renewed = True
                await self._renew(version)
            elif verdict.outcome is Outcome.RETRY_LATER and verdict.status is not None and outages > 0:
                outages -= 1
                await self._wait(self._clock.now_ms() + (asked_ms or OUTAGE_WAIT_MS), _said(verdict))
            elif _means_nothing(verdict):
                raise NotReached(_said(verdict))
            else:
                return verdict

    async def _headers(self) -> Mapping[str, str]:
        try:
            headers = await self._credentials.headers()
        except TokenRefused as refused:
            raise _no_token(refused) from None
        self._secrets.update(value.rpartition(" ")[2] for value in headers.values())
        return headers

    async def _renew(self, version: int) -> None:
        try:
            await self._credentials.refresh(version)
        except TokenRefused as refused:
            raise _no_token(refused) from None

    async def _wait(self, until_ms: int | None, why: str) -> None:
        """Wait, if there is the patience for it."""
        left_ms = 0 if until_ms is None else until_ms - self._clock.now_ms()
        if left_ms <= 0 or until_ms is None:
            return
        if until_ms > self._until_ms:
            raise NotReached(f"{why}, for another {(left_ms + 999) // 1000} s")
        await self._clock.wait(asyncio.Event(), until_ms)

    def _judge(self, classify: Classify) -> Judge:
        return lambda answer: classify(answer, now_ms=self._clock.now_ms())

    def _built(self, build: Callable[[], OutboundRequest]) -> OutboundRequest:
        try:
            return build()
        except RenderError as error:
            raise NotReached(f"the connector cannot ask it: {error.message}") from None

    def _without_secrets(self, text: str) -> str:
        """The text, should an API ever send our credentials back to us."""
        for secret in self._secrets:
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, MASK)
        return text


def _given_secrets(destination: Destination) -> list[str]:
    given = destination.given_auth
    found = (given.token, given.password, given.value) if given is not None else ()
    return [*destination.secrets.values(), *(each.get_secret_value() for each in found if each is not None)]


def _take_page(
    look: CompiledLook, body: object, request: OutboundRequest, things: dict[str, Thing]
) -> OutboundRequest | None:
    """Put one page's things to the others; the request for the next page.

    Raises:
        NotReached: the answer has no such list.
    """
    try:
        page = look.read(body)
    except NoList:
        raise NotReached(f"the answer has no list of `{look.look.items}`: is `base_url` right?") from None
    things.update((thing.id, thing) for thing in page.things)
    return None if page.next is None else OutboundRequest("GET", page.next, request.headers)


def _means_nothing(verdict: Verdict) -> bool:
    """Whether the answer says nothing about the account: none, a page of HTML, a redirect, a failure."""
    return (
        verdict.outcome in {Outcome.RETRY_LATER, Outcome.UNKNOWN}
        or verdict.status is None
        or verdict.dead_kind is DeadKind.REDIRECTED
    )


def _said(verdict: Verdict) -> str:
    """What the API said, with its status where that is not in the words already."""
    if verdict.status is None or str(verdict.status) in verdict.message:
        return verdict.message or verdict.code
    return f"{verdict.message or verdict.code} (status {verdict.status})"


def _no_token(refused: TokenRefused) -> NotReached | CredentialsRefused:
    text = f"the token endpoint gives no token: {refused.code}"
    return CredentialsRefused(text) if refused.outcome is Outcome.UNAUTHORIZED else NotReached(text)
