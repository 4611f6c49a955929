"""The files of a new configuration, as texts: made of shipped recipes, presets and connectors."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.cli.recipes import Recipe, known_dummies, shipped_recipes
from bridge.connectors.library import shipped, shipped_names
from bridge.connectors.schema import Auth, Connector, Setting
from bridge.errors import UsageError
from bridge.sources import Preset, load_preset, preset_names
from bridge.sources.scheme import alternatives, signed_url

CRMS: Mapping[str, tuple[str, ...]] = {
    "hubspot": ("hubspot",),
    "zendesk": ("zendesk",),
    "both": ("hubspot", "zendesk"),
    "http": ("http",),
}
"""What `--crm` may say -> the ends of the names of the recipes that it means, unless one has its own name."""
GENERIC = "hmac"
"""`--source hmac`: any sender that signs the body; the configuration says how."""
GENERIC_NAME = "sender"
_MODEL = "aisoule"
"""The messaging source for which the recipes are written; others have the same `fields` and event types."""

_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_WORDS = ("acme", "eu", "1", "2026-03", "dummy")

_GENERIC_SOURCE = f"""\
  {GENERIC_NAME}:                         # POST /hooks/{GENERIC_NAME}
    verify:                       # how the sender signs: a keyed hash of the body, in a header
      type: hmac
      algorithm: sha256
      signature: {{from: "header:X-Signature", prefix: "sha256=", encoding: hex}}
    secret: "${{{GENERIC_NAME.upper()}_WEBHOOK_SECRET}}"
    event:                        # where the body says what happened, a unique id, and when
      type: "{{{{ body.type }}}}"
      id: "{{{{ body.id }}}}"
      time: "{{{{ body.time | default(omit) }}}}"
    fields:                       # your sender's words on the right, the words of the rules on the left
      customer: "{{{{ body.phone }}}}"
      name: "{{{{ body.name | default(omit) }}}}"
      message_id: "{{{{ body.message | default(body.id) }}}}"
      kind: text
      text: "{{{{ body.text | default(omit) }}}}"
      media_url: "{{{{ body.attachment | default(omit) }}}}"
      status: "{{{{ body.status | default(omit) }}}}"
      error: "{{{{ body.error | default(omit) }}}}"
"""
_GENERIC_SAMPLES: Mapping[str, object] = {
    "message-received": {
        "type": "message.received",
        "id": "m-1",
        "time": "2026-06-02T03:01:38Z",
        "phone": "+918856879188",
        "name": "Asha",
        "text": "Where is order 1042?",
    },
    "message-read": {
        "type": "message.read",
        "id": "r-1",
        "time": "2026-06-02T03:05:00Z",
        "phone": "+918856879188",
        "message": "m-0",
        "status": "read",
    },
}


@dataclass(frozen=True, slots=True)
class Starter:
    """What to write: path below the folder -> text. `samples` are bodies that each source may send, by their name."""

    files: Mapping[str, str]
    environ: Mapping[str, str]
    samples: Mapping[str, Mapping[str, object]]
    recipes: Sequence[Recipe] = field(default_factory=tuple)


def offered_sources() -> list[str]:
    """The senders for which `--crm` alone says what to do."""
    messaging = [name for name in preset_names() if _is_messaging(_preset(name))]
    return [_MODEL, *(name for name in messaging if name != _MODEL), GENERIC]


def choose(source: str, crm: str) -> list[Recipe]:
    """The recipes for a sender and a CRM, written for this sender.

    Raises:
        UsageError: nothing shipped does that.
    """
    recipes = shipped_recipes()
    together = any(f"{name}-to-{crm}" in recipes for name in (source, _MODEL))
    chosen = []
    for end in (crm,) if together else CRMS[crm]:
        own, model = recipes.get(f"{source}-to-{end}"), recipes.get(f"{_MODEL}-to-{end}")
        fits = source == GENERIC or (source in preset_names() and _is_messaging(_preset(source)))
        if own is not None:
            chosen.append(own)
        elif model is not None and fits:
            chosen.append(_retargeted(model, source, GENERIC_NAME if source == GENERIC else source))
        else:
            raise UsageError(f"no shipped recipe leads from `{source}` to `{end}`")
    return chosen


def further(chosen: Sequence[Recipe]) -> list[Recipe]:
    """The other recipes that use nothing but the sources and destinations of these."""
    sources = {name for recipe in chosen for name in recipe.sources}
    destinations = {name for recipe in chosen for name in recipe.destinations}
    names = {recipe.name for recipe in chosen}
    return [
        recipe
        for name, recipe in shipped_recipes().items()
        if name not in names and sources.issuperset(recipe.sources) and destinations.issuperset(recipe.destinations)
    ]


def own_tests(recipe: Recipe) -> str | None:
    """The recipe's own tests for their new place; None when it has none."""
    return None if recipe.tests is None else _with_schema(recipe.tests, "../schema/tests.json")


def starter(recipes: Sequence[Recipe]) -> Starter:
    """The configuration for these recipes."""
    sources = list(dict.fromkeys(name for recipe in recipes for name in recipe.sources))
    destinations = list(dict.fromkeys(name for recipe in recipes for name in recipe.destinations))
    config = _configuration(sources, destinations)
    rules = {f"rules/{recipe.name}.yaml": _with_schema(recipe.text, "../schema/rules.json") for recipe in recipes}
    environ = _environment([config, *rules.values()], destinations)
    samples = {name: _samples(name) for name in sources}
    files = {"config.yaml": config, **rules, ".env.example": _env_example(environ)}
    return Starter(files, environ, samples, tuple(recipes))


def _preset(name: str) -> Preset:
    preset = load_preset(name).preset
    if preset is None:
        raise TypeError(f"the shipped preset {name} cannot be read")
    return preset


def _is_messaging(preset: Preset) -> bool:
    return "message.received" in preset.event_types and "customer" in preset.fields


def _retargeted(recipe: Recipe, source: str, name: str) -> Recipe:
    """The recipe for another messaging source; its tests hold the first one's bodies and are left out."""
    text = re.sub(rf"\b{_MODEL}/", f"{name}/", recipe.text)
    return Recipe(recipe.name.replace(_MODEL, source, 1), text, (name,), recipe.destinations, None)


def _samples(source: str) -> Mapping[str, object]:
    if source == GENERIC_NAME:
        return _GENERIC_SAMPLES
    if source not in preset_names():
        return {}
    return {sample.name: sample.body for sample in _preset(source).samples if sample.body is not None}


def _with_schema(text: str, schema: str) -> str:
    """The text with the line for editors that fits its new place."""
    line, _, rest = text.partition("\n")
    body = rest if line.startswith("# yaml-language-server:") else text
    return f"# yaml-language-server: $schema={schema}\n{body}"


# --- the configuration -----------------------------------------------------------------------------------------


def _configuration(sources: Iterable[str], destinations: Iterable[str]) -> str:
    return (
        "# yaml-language-server: $schema=schema/config.json\n"
        "# Made by `crm-bridge init`. Put your values into .env (.env.example lists them), then:\n"
        "#   crm-bridge check --env-file .env && crm-bridge run --env-file .env\n"
        "version: 1\n\n"
        "server:\n  listen: 127.0.0.1:8080          # put a reverse proxy with HTTPS in front\n"
        "store:\n  url: sqlite:///var/bridge.db    # relative to this file\n"
        "dead_letters:\n  file: var/dead-letters.jsonl\n\n"
        "sources:\n" + "".join(map(_source, sources)) + "\n"
        "destinations:\n" + "".join(map(_destination, destinations)) + "\n"
        "rules: rules/*.yaml\n"
    )


def _source(name: str) -> str:
    if name == GENERIC_NAME:
        return _GENERIC_SOURCE
    lines = [
        f"  {name}:                        # POST /hooks/{name}; `crm-bridge sources {name}` says how to connect it",
        f"    preset: {name}",
        f'    secret: "${{{_variable(name, "webhook_secret")}}}"',
    ]
    if name in preset_names() and _signs_its_address(_preset(name)):
        lines.append(f'    public_url: "${{{_variable(name, "public_url")}}}"  # exactly as entered at the sender')
    return "\n".join(lines) + "\n"


def _signs_its_address(preset: Preset) -> bool:
    """Whether the sender signs the address that it calls, so that the source must know it."""
    schemes = alternatives(preset.verify) if preset.verify is not None else ()
    return any(signed_url(scheme) is not None for scheme in schemes)


def _destination(name: str) -> str:
    connector = _connector(name)
    lines = [
        f"  {name}:                        # `crm-bridge connectors {connector.name}` says what it can do",
        f"    connector: {connector.name}",
    ]
    if connector.base_url is None:
        lines.append(f'    base_url: "${{{_variable(name, "base_url")}}}"')
    for key in _keys(connector):
        if connector.settings[key].type == "auth":
            lines.append(f'    auth: {{type: bearer, token: "${{{_variable(name, "token")}}}"}}')
        else:
            lines.append(f'    {key}: "${{{_variable(name, key)}}}"')
    return "\n".join(lines) + "\n"


def _connector(destination: str) -> Connector:
    """The connector of this name, else the generic one."""
    return shipped(destination if destination in shipped_names() else "http").connector


def _keys(connector: Connector) -> list[str]:
    """The settings that a destination must give: what is required, and the way to authenticate that asks least."""
    required = [name for name, setting in connector.settings.items() if setting.required]
    ways = [auth for auth in connector.auth if auth.needs and not auth.warning]
    least = min(ways, key=_needs, default=None)
    return list(dict.fromkeys([*required, *(least.needs if least is not None else ())]))


def _needs(auth: Auth) -> int:
    return len(auth.needs)


def _variable(name: str, key: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", f"{name}_{key}".upper())


# --- its variables ---------------------------------------------------------------------------------------------


def _environment(texts: Iterable[str], destinations: Iterable[str]) -> dict[str, str]:
    """Every variable that the texts need, with a dummy that `check` takes."""
    needed = dict.fromkeys(name for text in texts for name in _VARIABLE.findall(text))
    own = {
        _variable(destination, key): _dummy(_variable(destination, key), setting)
        for destination in destinations
        for key, setting in _connector(destination).settings.items()
    }
    dummies = {**own, **known_dummies()}
    return {name: dummies.get(name) or _made_up(name) for name in needed}


def _dummy(variable: str, setting: Setting) -> str:
    if setting.pattern is None:
        return _made_up(variable)
    return next((word for word in _WORDS if re.fullmatch(setting.pattern, word)), _made_up(variable))


def _made_up(variable: str) -> str:
    """Long and odd enough to be taken for a secret, and the same each time."""
    if variable.endswith("_PUBLIC_URL"):
        return f"https://bridge.example.com/hooks/{variable.removesuffix('_PUBLIC_URL').lower()}"
    if variable.endswith("_BASE_URL"):
        return "https://api.example.com"
    return f"dummy-{hashlib.sha256(variable.encode()).hexdigest()[:16]}"


def _env_example(environ: Mapping[str, str]) -> str:
    lines = "".join(f"{name}={value}\n" for name, value in environ.items())
    return (
        "# Dummies that pass `crm-bridge check --env-file .env.example`. Copy this file to .env and put your own\n"
        "# values in; .env belongs in no repository.\n" + lines
    )
