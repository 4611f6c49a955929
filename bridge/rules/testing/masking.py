"""Personal data in a recorded event, replaced by stand-ins of the same shape, the same everywhere in one test.

Phone numbers keep country and prefix and get another end, so that they stay valid where the real ones are; texts keep
length, case, spaces and signs. What is known by no name and no form stays: a person has to look a test over.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_NAME_KEY = re.compile(
    r"(?:(?:first|last|full|contact|display|user|profile|customer|sender)[_-]?)?name|pushname|company|organization"
)
_TEXT_KEY = re.compile(
    r"text|body|(?:plain|html|hs_communication|hs_note)_body|message|caption|subject|content|comment|notes?|description"
    r"|address\d?|street|city|zip|postcode"
)
_PHONE_KEY = re.compile(
    r"(?:hs_whatsapp_|display_)?phone(?:[_-]?number)?|mobile(?:phone)?|sender|recipient|from|to|wa_?id|msisdn|customer"
    r"|business|waba_number"
)
_ID_KEY = re.compile(r"message_id|wamid|message_sid")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_URL = re.compile(r"https?://[^\s\"'<>]+")
_PHONE = re.compile(r"\+?\d(?:[ ().-]{0,2}\d){7,14}")
_WORD = re.compile(
    # Vowel signs of Indic and other scripts are no word characters for Python; a name would fall into pieces.
    r"[^\W\d_](?:[^\x00-@\[-`{-\xbf\u2000-\u206f\u3000-\u303f]|['\u2019-](?=[^\W\d_]))*"
)
_FIELD = re.compile(r"[a-z][a-z0-9_]*")
_ENDING = 7
"""Of a phone number the digits that are replaced: what is before them says country and kind."""
_FIRST = ("Robin", "Kim", "Alex", "Sam", "Noor", "Max", "Jo", "Lee", "Toni", "Sasha", "Mika", "Luca")
_LETTERS = "loremipsumdolorsitametconsecteturadipiscingelit"
_TWO_BYTES, _THREE_BYTES = 0x80, 0x800


@dataclass(slots=True)
class Masker:
    """Stand-ins for one test. `learn` first, then `masked`."""

    _numbers: dict[str, str] = field(default_factory=dict)
    """The end of a phone number -> another."""
    _names: dict[str, str] = field(default_factory=dict)
    """A word of a name -> another."""
    _texts: dict[str, str] = field(default_factory=dict)
    _emails: dict[str, str] = field(default_factory=dict)
    _urls: dict[str, str] = field(default_factory=dict)
    _ids: dict[str, str] = field(default_factory=dict)

    def learn(self, value: object) -> None:
        """Note what is personal inside a value: by the key it stands under."""
        keys = frozenset(key for key in _keys_of(value) if _FIELD.fullmatch(key))
        for key, text in _texts_of(value):
            name = key.lower()
            digits = re.sub(r"\D", "", text)
            if _PHONE_KEY.fullmatch(name) and _PHONE.fullmatch(text.strip()):
                self._numbers.setdefault(digits[-_ENDING:], f"{100_001 + len(self._numbers):0{_ENDING}}")
            elif _NAME_KEY.fullmatch(name):
                for word in _WORD.findall(text):
                    if word in keys:  # whoever is called `id` must not give another name to every `id`
                        continue
                    self._names.setdefault(word, _FIRST[len(self._names) % len(_FIRST)] + _again(len(self._names)))
            elif _ID_KEY.fullmatch(name):
                self._ids.setdefault(text, f"message-{len(self._ids) + 1}")
            elif _TEXT_KEY.fullmatch(name) and not _EMAIL.fullmatch(text) and not _PHONE.fullmatch(text.strip()):
                self._texts.setdefault(text, stand_in(text))
        for _, text in _texts_of(value):
            if text.startswith("+") and _PHONE.fullmatch(text.strip()):
                digits = re.sub(r"\D", "", text)
                self._numbers.setdefault(digits[-_ENDING:], f"{100_001 + len(self._numbers):0{_ENDING}}")

    def masked(self, value: object) -> object:
        """A copy of the value with everything that was learnt replaced, in keys as well."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.masked(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.masked(item) for item in value]
        if isinstance(value, int) and not isinstance(value, bool) and _PHONE.fullmatch(str(value)):
            return int(self._phone(str(value)))
        return value

    def text(self, text: str) -> str:
        """One text."""
        if text in self._texts:
            return self._texts[text]
        for whole, other in self._texts.items():
            if len(whole) >= _ENDING and whole in text:
                text = text.replace(whole, other)
        for id_, other in self._ids.items():
            text = text.replace(id_, other)
        text = _URL.sub(lambda found: self._url(found[0]), text)
        text = _EMAIL.sub(lambda found: self._email(found[0]), text)
        text = _PHONE.sub(lambda found: self._phone(found[0]), text)
        return _WORD.sub(lambda found: self._names.get(found[0], found[0]), text) if self._names else text

    def _url(self, url: str) -> str:
        return self._urls.setdefault(url, f"https://files.example.com/{len(self._urls) + 1}")

    def _email(self, email: str) -> str:
        return self._emails.setdefault(email.lower(), f"person{len(self._emails) + 1}@example.com")

    def _phone(self, text: str) -> str:
        digits = re.sub(r"\D", "", text)
        ending = self._numbers.get(digits[-_ENDING:])
        if ending is None:
            return text
        left, out = list(ending), list(text)
        for index in range(len(out) - 1, -1, -1):
            if out[index].isdigit() and left:
                out[index] = left.pop()
        return "".join(out)


def stand_in(text: str) -> str:
    """A text of the same shape that says nothing: letters and digits replaced, everything else as it is."""
    return "".join(_other(character, index) for index, character in enumerate(text))


def _other(character: str, index: int) -> str:
    if character.isdigit():
        return "0"
    if not character.isalpha() and not unicodedata.category(character).startswith("M"):
        return character
    code = ord(character)
    if code < _TWO_BYTES:
        letter = _LETTERS[index % len(_LETTERS)]
        return letter.upper() if character.isupper() else letter
    return "ö" if code < _THREE_BYTES else "あ" if code <= 0xFFFF else character  # noqa: PLR2004 - UTF-8's own borders


def _again(count: int) -> str:
    rounds = count // len(_FIRST)
    return "" if rounds == 0 else chr(ord("a") + (rounds - 1) % 26)


def _keys_of(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _keys_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys_of(item)


def _texts_of(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text with the key that it stands under, the nearest one; numbers under the key of a phone as well."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts_of(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _texts_of(item, key)
    elif isinstance(value, int) and not isinstance(value, bool) and _PHONE_KEY.fullmatch(key.lower()):
        yield key, str(value)
