"""A GET at an address that a sender names goes out under the rules of our own client, or not at all."""

from collections.abc import Mapping

import pytest

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.request import OutboundRequest
from bridge.outbound.client import Client
from bridge.outbound.outside import Outside


@pytest.mark.parametrize(
    "address",
    [
        "http://sns.eu-west-1.amazonaws.com/a",
        "ftp://sns.eu-west-1.amazonaws.com/a",
        "https://sns.eu-west-1.amazonaws.com:8443/a",
        "https://user:word@sns.eu-west-1.amazonaws.com/a",
        "/a",
        "https://[/a",
        "",
        "https://127.0.0.1/a",
        "https://2130706433/a",
        "https://[::1]/a",
        "https://169.254.169.254/latest/meta-data",
    ],
)
async def test_no_other_address_is_asked(address: str) -> None:
    answer = await Outside().get(address)
    assert (answer.status, answer.trouble) == (None, Trouble.ADDRESS)


async def test_a_name_that_resolves_to_a_private_address_is_not_asked() -> None:
    answer = await Outside().get("https://localhost/a")
    assert (answer.status, answer.trouble) == (None, Trouble.ADDRESS)


async def test_one_client_of_the_origin_sends_it_as_it_is_and_is_closed() -> None:
    calls: list[object] = []

    class Recorder:
        async def send(
            self, request: OutboundRequest, credentials: Mapping[str, str], *, timeout_ms: int | None = None
        ) -> Answer:
            calls.append((request.method, request.url, dict(credentials), timeout_ms))
            return Answer(200, {}, b"yes")

        async def close(self) -> None:
            calls.append("closed")

    def client(origin: str) -> Client:
        calls.append(origin)
        return Recorder()

    address = "https://sns.eu-west-1.amazonaws.com/?Action=A&TopicArn=arn:aws:sns:a%2Fb"
    assert (await Outside(client).get(address)).body == b"yes"
    assert calls == ["https://sns.eu-west-1.amazonaws.com", ("GET", address, {}, None), "closed"]
