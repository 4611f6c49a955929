"""A shipped recipe written for another sender: its event types, its customers, its words."""

import re
from dataclasses import replace

from bridge.cli.recipes import Recipe
from bridge.cli.senders import MODEL, RECEIVED, has_phone_numbers, receipts_lack_customers, traits
from bridge.sources import Preset

_RULE = re.compile(r"^(?:  #.*\n)*  - name: ", re.MULTILINE)
_TYPES = re.compile(r"^    on: (?P<on>.+)$", re.MULTILINE)
_AFTER_TYPES = re.compile(r"^    on: .+\n", re.MULTILINE)
_CONDITION = re.compile(r"^    if: (?P<if>[^#\n]*[^#\s])", re.MULTILINE)
_ORDER = re.compile(r"\border: \[(?P<types>[^\]]+)\]")
_PERSON = '"{{ fields.customer | person }}"'
_PERSON_OR_MESSAGE = '"{{ fields.customer | person if fields.customer is defined else fields.message_id }}"'
_EXTERNAL_PERSON = '"whatsapp:{{ fields.customer | person }}"'
_PHONE_LINE = re.compile(r'^ *phone: "{{ fields\.customer \| e164 }}"\n', re.MULTILINE)
_RECEIPT = "fields.message_id is defined"


def renamed(recipe: Recipe, source: str, name: str) -> Recipe:
    """The recipe for the source `name`; its tests hold the first one's bodies and are left out."""
    text = re.sub(rf"\b{MODEL}/", f"{name}/", recipe.text)
    return Recipe(recipe.name.replace(MODEL, source, 1), text, (name,), recipe.destinations, None)


def fitted(recipe: Recipe, preset: Preset) -> Recipe:
    """The recipe for the sender of a preset. Rules for what it never sends are left out, and a comment says so."""
    own = renamed(recipe, preset.name, preset.name)
    starts = [found.start() for found in _RULE.finditer(own.text)]
    blocks = [own.text[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
    head = own.text[: starts[0]].replace("AISoule (WhatsApp)", preset.title)
    text = head + "".join(_rule(block, preset) for block in blocks)
    return replace(own, text=_worded(text, preset))


def _rule(block: str, preset: Preset) -> str:
    on = _TYPES.search(block)
    if on is None:
        raise TypeError("a rule of a shipped recipe listens to nothing")
    listed = [word.strip().partition("/")[2] for word in on["on"].strip("[]").split(",")]
    sent = [name for name in listed if name in preset.event_types]
    if not sent:
        return f"  # Left out is the rule for {', '.join(listed)}: {preset.title} sends none of these.\n"
    patterns = [f"{preset.name}/{name}" for name in sent]
    if sent != listed:
        block = block.replace(on[0], f"    on: [{', '.join(patterns)}]")
    block = _ORDER.sub(lambda found: _order(found["types"], sent), block)
    is_receipt = RECEIVED not in sent
    if is_receipt and receipts_lack_customers(preset):
        block = block.replace(_PERSON, _PERSON_OR_MESSAGE)
    return _guarded(block, preset, is_receipt=is_receipt)


def _order(types: str, sent: list[str]) -> str:
    return f"order: [{', '.join(name for name in types.split(', ') if name in sent)}]"


def _guarded(block: str, preset: Preset, *, is_receipt: bool) -> str:
    """The rule with the condition that leaves out what it cannot handle."""
    known = traits(preset.name)
    only = " and ".join(filter(None, (known.only, _RECEIPT if is_receipt else None)))
    reasons = filter(None, (known.because, "a receipt may name no message" if is_receipt else ""))
    if not only:
        return block
    condition = _CONDITION.search(block)
    if condition is not None:
        own = f"({condition['if']})" if " or " in condition["if"] else condition["if"]
        return block.replace(condition[0], f"    if: {own} and {only}", 1)
    remarks = "".join(f"    # {reason}\n" for reason in reasons)
    return _AFTER_TYPES.sub(lambda found: f"{found[0]}{remarks}    if: {only}\n", block, count=1)


def _worded(text: str, preset: Preset) -> str:
    """The recipe's words where the sender's messages are not, or not all, of WhatsApp, or its people no numbers."""
    text = text.replace("AISoule's own inbox", "the sender's own inbox")
    if not has_phone_numbers(preset):
        own = f'"{preset.name}:{{{{ fields.customer }}}}"'
        text = _PHONE_LINE.sub("", text.replace(_EXTERNAL_PERSON, own).replace(_PERSON, own))
        text = text.replace("fields.customer | e164", "fields.customer")
    known = traits(preset.name)
    if known.names_whatsapp:
        return text
    words = {
        "WhatsApp from ": "Message from ",
        "A WhatsApp message": "A message",
        '"whatsapp:{{ fields.message_id }}"': f'"{preset.name}:{{{{ fields.message_id }}}}"',
        "tags: [whatsapp]": f"tags: [{preset.name}]",
        "whatsapp-{{ fields.kind": f"{preset.name}-{{{{ fields.kind",
        "name: whatsapp-": f"name: {preset.name}-",
        "${WHATSAPP_": "${MESSAGE_",
        "channel_type: WHATS_APP": f'channel_type: "{known.timeline}"',
    }
    for word, own in words.items():
        text = text.replace(word, own)
    return text
