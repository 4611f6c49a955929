from bridge.clock import ManualClock
from bridge.sandbox import Sandbox
from bridge.sandbox.zendesk.uploads import LIFE_MS
from tests.canaries import TEXT
from tests.sandbox.conftest import Caller, Reply

PICTURE = b"\xff\xd8\xff\xe0 not text"


async def upload(zendesk: Caller, name: str = "a.jpg", **more: str) -> Reply:
    return await zendesk(
        "POST", "/uploads", params={"filename": name, **more}, data=PICTURE, headers={"Content-Type": "image/jpeg"}
    )


async def test_an_uploaded_file_becomes_an_attachment_of_the_comment_that_takes_it(zendesk: Caller) -> None:
    made = await upload(zendesk)
    assert made.status == 201
    more = await upload(zendesk, "b.jpg", token=made.body["upload"]["token"])
    assert [file["file_name"] for file in more.body["upload"]["attachments"]] == ["a.jpg", "b.jpg"]
    comment = {"body": TEXT, "uploads": [made.body["upload"]["token"]]}
    ticket = (await zendesk("POST", "/tickets", {"ticket": {"comment": comment}})).body["ticket"]["id"]
    [shown] = (await zendesk("GET", f"/tickets/{ticket}/comments")).body["comments"]
    first, second = shown["attachments"]
    assert (first["content_type"], first["size"], second["file_name"]) == ("image/jpeg", len(PICTURE), "b.jpg")
    assert (await zendesk("GET", f"/attachments/{first['id']}")).body["attachment"] == first
    async with zendesk.session.get(first["content_url"]) as got:
        assert (await got.read(), got.content_type) == (PICTURE, "image/jpeg")
    used = await zendesk("PUT", f"/tickets/{ticket}", {"ticket": {"comment": comment}})
    assert (used.status, list(used.body["details"])) == (422, ["uploads"])


async def test_a_token_is_good_for_an_hour(zendesk: Caller, clock: ManualClock) -> None:
    token = (await upload(zendesk)).body["upload"]["token"]
    clock.advance(LIFE_MS)
    late = await zendesk("POST", "/tickets", {"ticket": {"comment": {"body": TEXT, "uploads": [token]}}})
    assert late.status == 422
    assert (await upload(zendesk, token=token)).status == 422


async def test_what_makes_no_sense_is_refused(zendesk: Caller, sandbox: Sandbox) -> None:
    assert (await zendesk("POST", "/uploads", data=PICTURE)).status == 400
    wrong = await zendesk("POST", "/tickets", {"ticket": {"comment": {"body": TEXT, "uploads": [7]}}})
    assert (wrong.status, len(sandbox.zendesk.tickets)) == (400, 0)
    assert (await zendesk("GET", "/attachments/1")).status == 404
    async with zendesk.session.get(zendesk.base.removesuffix("/api/v2") + "/attachments/token/no/") as got:
        assert got.status == 404
