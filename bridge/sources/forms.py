"""Bodies as browsers send them: `application/x-www-form-urlencoded`, read into the JSON object that rules see."""

from urllib.parse import parse_qsl

from bridge.sources.strict_json import Unreadable

MAX_FIELDS = 1_000


def parse_form(body: bytes) -> dict[str, object]:
    """The fields of a form.

    Args:
        body: the raw bytes, UTF-8, percent-encoded where a browser does.

    Returns:
        name -> text; a name that comes several times has the list of its texts, in the order received. Names are as
        sent, brackets and all: `body['data[email]']`.

    Raises:
        Unreadable: not UTF-8, U+0000 in it, or more than `MAX_FIELDS` fields.
    """
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise Unreadable("the form is not UTF-8") from None
    except ValueError:  # the library's word for too many fields
        raise Unreadable(f"the form has more than {MAX_FIELDS} fields") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise Unreadable("the form holds U+0000")
        fields.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}
