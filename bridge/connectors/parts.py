"""The pieces that all parts of a connector file are made of."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_STATUS = re.compile(r"[1-5]xx|(?P<low>[1-5][0-9][0-9])(-(?P<high>[1-5][0-9][0-9]))?", re.ASCII)
_SWITCHES = {"on": True, "off": False}


class Part(BaseModel):
    """Base of all parts of a connector file: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)


def _status(value: str | int) -> str:
    """`404`, `5xx` or `500-503`."""
    text = str(value)
    found = _STATUS.fullmatch(text)
    if found is None or (found["high"] and found["low"] > found["high"]):
        raise ValueError(f"`{text}` is not an HTTP status: write `404`, `5xx` or `500-503`")
    return text


def _switch(value: object) -> bool:
    """`on` and `off` are text in our YAML; true and false mean the same."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _SWITCHES:
        return _SWITCHES[value]
    raise ValueError("write `on` or `off`")


Status = Annotated[str | int, AfterValidator(_status)]
Switch = Annotated[bool, BeforeValidator(_switch, json_schema_input_type=bool | Literal["on", "off"])]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Request(Part):
    """How the HTTP request looks. Path parts and query values are percent-encoded, JSON is built."""

    method: Method
    """The HTTP method."""
    path: str = ""
    """Below the destination's `base_url`; a template."""
    query: dict[str, object] = Field(default_factory=dict)
    """name -> value or template; nulls are left out."""
    headers: dict[str, str] = Field(default_factory=dict)
    """name -> template, besides those of the connector."""
    json_: object = Field(default=None, alias="json")
    """The JSON body: any value, with templates in it."""
    form: object = None
    """A form body: name -> template."""
    text: str | None = None
    """A plain text body, a template."""
    fetch: str | None = None
    """A template for the address of a file elsewhere, whose bytes become the body and whose type its content type."""

    @model_validator(mode="after")
    def _fetches_the_whole_body(self) -> Self:
        others = (self.json_, self.form, self.text)
        if self.fetch is not None and (
            self.method not in {"POST", "PUT"} or any(other is not None for other in others)
        ):
            raise ValueError(
                "`fetch` gives the whole body of a POST or PUT: there is no `json`, `form` or `text` beside it"
            )
        return self


def _sends_no_file(request: Request) -> Request:
    if request.fetch is not None:
        raise ValueError("only an operation's own `request` may `fetch` a file")
    return request


Fileless = Annotated[Request, AfterValidator(_sends_no_file)]
"""A request whose body is its own: a look, a poll, a batch."""
