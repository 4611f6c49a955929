"""Slack's own client reads back what the bridge's connector wrote, and takes the sandbox's refusals for Slack's."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bridge.clock import ManualClock
from bridge.connectors.call import Call
from bridge.connectors.verdict import Verdict
from bridge.model import rfc3339
from bridge.outbound.client import HttpClient
from bridge.sandbox import FaultKind, FaultSpec, Sandbox, SandboxUrls
from bridge.sandbox.slack import CHANNEL
from tests.canaries import TEXT
from tests.connectors.builders import KEY, operation

Result = TypeVar("Result")
SILENT = logging.Logger("slack-sdk")  # noqa: LOG001 - out of the tree: the client itself logs every body at debug
SILENT.disabled = True


@pytest.fixture
def client(urls: SandboxUrls) -> WebClient:
    return WebClient(token="sandbox-slack-token", base_url=f"{urls.slack}/", timeout=10, logger=SILENT)


async def in_thread(call: Callable[[], Result]) -> Result:
    """The client blocks; the sandbox that it asks runs in this thread."""
    return await asyncio.to_thread(call)


async def written(urls: SandboxUrls, clock: ManualClock, **params: Any) -> Verdict:
    """Post a message as the bridge does."""
    post = operation("slack", "messages.post")
    call = Call(post.fit({"channel": CHANNEL, **params}), {}, KEY, rfc3339(clock.now_ms()))
    client = HttpClient(urls.slack, timeout_ms=10_000, allow_private_addresses=True)
    answer = await client.send(post.request.build(call), {"Authorization": "Bearer sandbox-slack-token"})
    await client.close()
    return post.classify(call, answer, now_ms=clock.now_ms())


async def test_what_the_bridge_wrote_is_in_the_history(
    client: WebClient, urls: SandboxUrls, clock: ManualClock
) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*lost*"}}]
    first = await written(urls, clock, text=TEXT, blocks=blocks)
    second = await written(urls, clock, text="another")
    answer = await in_thread(lambda: client.conversations_history(channel=CHANNEL, include_all_metadata=True))
    messages: Any = answer["messages"]
    assert [(each["ts"], each["text"]) for each in messages] == [(second.id, "another"), (first.id, TEXT)]
    assert messages[1]["blocks"] == blocks
    assert messages[1]["metadata"] == {"event_type": "crm_bridge", "event_payload": {"key": KEY}}


async def test_an_answer_is_in_its_thread_and_not_in_the_history(
    client: WebClient, urls: SandboxUrls, clock: ManualClock
) -> None:
    first = await written(urls, clock, text=TEXT)
    answer = await written(urls, clock, text="answer", thread_ts=first.id)
    history = await in_thread(lambda: client.conversations_history(channel=CHANNEL))
    thread = await in_thread(lambda: client.conversations_replies(channel=CHANNEL, ts=str(first.id)))
    assert [each["ts"] for each in history["messages"]] == [first.id]
    assert [each["ts"] for each in thread["messages"]] == [first.id, answer.id]


async def test_the_client_posts_and_pages(client: WebClient, sandbox: Sandbox) -> None:
    posted = await in_thread(
        lambda: [client.chat_postMessage(channel=CHANNEL, text=f"message {number}")["ts"] for number in range(5)]
    )
    assert [message.ts for message in sandbox.slack.messages] == posted
    pages = await in_thread(
        lambda: [page["messages"] for page in client.conversations_history(channel=CHANNEL, limit=2)]
    )
    assert [[each["ts"] for each in page] for page in pages] == [[*posted[4:2:-1]], [*posted[2:0:-1]], [posted[0]]]
    assert (await in_thread(client.auth_test))["team"] == "Sandbox"


async def test_a_refusal_under_200_raises_with_its_word(client: WebClient, urls: SandboxUrls, sandbox: Sandbox) -> None:
    with pytest.raises(SlackApiError) as caught:
        await in_thread(lambda: client.chat_postMessage(channel="C0UNKNOWN", text=TEXT))
    assert (caught.value.response["ok"], caught.value.response["error"]) == (False, "channel_not_found")
    stranger = WebClient(token="wrong", base_url=f"{urls.slack}/", logger=SILENT)
    with pytest.raises(SlackApiError) as caught:
        await in_thread(stranger.auth_test)
    assert caught.value.response["error"] == "invalid_auth"
    sandbox.slack.scopes.remove("channels:history")
    with pytest.raises(SlackApiError) as caught:
        await in_thread(lambda: client.conversations_history(channel=CHANNEL))
    assert (caught.value.response["error"], caught.value.response["needed"]) == ("missing_scope", "channels:history")


async def test_a_rate_limit_is_429_with_a_wait(client: WebClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=429, retry_after=30))
    with pytest.raises(SlackApiError) as caught:
        await in_thread(lambda: client.chat_postMessage(channel=CHANNEL, text=TEXT))
    response = caught.value.response
    assert (response.status_code, response.headers["Retry-After"], response["error"]) == (429, "30", "ratelimited")


async def test_the_webhook_client_gets_its_ok(urls: SandboxUrls, sandbox: Sandbox) -> None:
    webhook = WebhookClient(f"{urls.slack}/services/T000/B000/sandbox", logger=SILENT)
    answer = await in_thread(lambda: webhook.send(text=TEXT))
    assert (answer.status_code, answer.body) == (200, "ok")
    assert [(message.text, message.via) for message in sandbox.slack.messages] == [(TEXT, "webhook")]
