"""The files of a new configuration, as texts: made of shipped recipes, presets and connectors."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.cli.fitted_recipe import fitted, renamed
from bridge.cli.recipes import Recipe, known_dummies, shipped_recipes
from bridge.cli.senders import MODEL, is_messaging, messaging_senders, obstacle, shipped_preset
from bridge.cli.starter_sources import (
    VARIABLE,
    Example,
    made_up,
    source_dummies,
    source_entry,
    source_examples,
    source_files,
)
from bridge.connectors.library import shipped, shipped_names
from bridge.connectors.schema import Auth, Connector, Setting
from bridge.errors import UsageError
from bridge.sources import preset_names

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
_GENERIC_EXAMPLES: Mapping[str, Example] = {
    "message-received": Example(
        {
            "type": "message.received",
            "id": "m-1",
            "time": "2026-06-02T03:01:38Z",
            "phone": "+918856879188",
            "name": "Asha",
            "text": "Where is order 1042?",
        }
    ),
    "message-read": Example(
        {
            "type": "message.read",
            "id": "r-1",
            "time": "2026-06-02T03:05:00Z",
            "phone": "+918856879188",
            "message": "m-0",
            "status": "read",
        }
    ),
}


@dataclass(frozen=True, slots=True)
class Starter:
    """What to write: path below the folder -> text. `keys` are files of their owner's only, with dummies.

    `examples` are what each source may send, by their names.
    """

    files: Mapping[str, str]
    environ: Mapping[str, str]
    keys: Mapping[str, str]
    examples: Mapping[str, Mapping[str, Example]]
    recipes: Sequence[Recipe] = field(default_factory=tuple)


def offered_sources() -> list[str]:
    """The senders for which `--crm` alone says what to do."""
    return [*messaging_senders(), GENERIC]


def offered_crms(source: str) -> list[str]:
    """What `--crm` may say for a sender."""
    if source not in preset_names():
        return list(CRMS)
    return [crm for crm, ends in CRMS.items() if obstacle(shipped_preset(source), ends) is None]


def choose(source: str, crm: str) -> list[Recipe]:
    """The recipes for a sender and a CRM, written for this sender.

    Raises:
        UsageError: nothing shipped does that; its message says why.
    """
    recipes = shipped_recipes()
    together = any(f"{name}-to-{crm}" in recipes for name in (source, MODEL))
    return [_chosen(recipes, source, end) for end in ((crm,) if together else CRMS[crm])]


def _chosen(recipes: Mapping[str, Recipe], source: str, end: str) -> Recipe:
    own, model = recipes.get(f"{source}-to-{end}"), recipes.get(f"{MODEL}-to-{end}")
    if own is not None:
        return own
    refusal = f"no shipped recipe leads from `{source}` to `{end}`"
    if model is None or source not in {GENERIC, *preset_names()}:
        raise UsageError(refusal)
    if source == GENERIC:
        return renamed(model, source, GENERIC_NAME)
    preset = shipped_preset(source)
    if not is_messaging(preset):
        raise UsageError(f"{refusal}: the recipes are for messages of customers")
    reason = obstacle(preset, CRMS[end])
    if reason is not None:
        raise UsageError(f"{refusal}: {reason}")
    return fitted(model, preset)


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
    presets = [name for name in sources if name != GENERIC_NAME]
    environ = _environment([config, *rules.values()], presets, destinations)
    keys = {path: text for name in presets for path, text in source_files(name).items()}
    examples = {name: _GENERIC_EXAMPLES if name == GENERIC_NAME else source_examples(name) for name in sources}
    files = {"config.yaml": config, **rules, ".env.example": _env_example(environ)}
    return Starter(files, environ, keys, examples, tuple(recipes))


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
    return _GENERIC_SOURCE if name == GENERIC_NAME else source_entry(name)


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


def _environment(texts: Iterable[str], presets: Iterable[str], destinations: Iterable[str]) -> dict[str, str]:
    """Every variable that the texts need, with a dummy that `check` takes."""
    needed = dict.fromkeys(name for text in texts for name in VARIABLE.findall(text))
    own = {
        _variable(destination, key): _dummy(_variable(destination, key), setting)
        for destination in destinations
        for key, setting in _connector(destination).settings.items()
    }
    given = {variable: dummy for name in presets for variable, dummy in source_dummies(name).items()}
    dummies = {**own, **given, **known_dummies()}
    return {name: dummies.get(name) or _made_up(name) for name in needed}


def _dummy(variable: str, setting: Setting) -> str:
    if setting.pattern is None:
        return _made_up(variable)
    return next((word for word in _WORDS if re.fullmatch(setting.pattern, word)), _made_up(variable))


def _made_up(variable: str) -> str:
    return "https://api.example.com" if variable.endswith("_BASE_URL") else made_up(variable)


def _env_example(environ: Mapping[str, str]) -> str:
    lines = "".join(f"{name}={value}\n" for name, value in environ.items())
    return (
        "# Dummies that pass `crm-bridge check --env-file .env.example`. Copy this file to .env and put your own\n"
        "# values in; .env belongs in no repository.\n" + lines
    )
