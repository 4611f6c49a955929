"""Every finding has a code, and every code a page that a person can ask for (`crm-bridge check --explain BR102`).

The hundreds say where the mistake lies: 0 the YAML itself, 1 the shape of keys, values and templates, 2 names that
point from one place to another, 3 secrets and environment, 4 right but probably not meant (warnings), 5 ingress,
6 deliveries, 7 start. To add a code, add one `_page(...)` to its range (5 to 7 are in `codes_running`). A code is never
given a new meaning.
"""

import re
from typing import Final

from bridge.diagnostics.code_page import Page
from bridge.diagnostics.codes_running import RUNNING

PAGES: Final[dict[str, Page]] = {}
"""Code -> page, in the order of the codes."""

_CODE = re.compile(r"BR[0-7][0-9]{2}")


def page(code: str) -> Page:
    """The page of a code.

    Raises:
        LookupError: No such code is registered; a finding must not be made with it.
    """
    try:
        return PAGES[code]
    except KeyError:
        raise LookupError(f"the code `{code}` has no page in bridge/diagnostics/codes.py") from None


def _page(code: str, title: str, what: str, why: str, mend: str) -> None:
    if not _CODE.fullmatch(code) or code in PAGES:
        raise ValueError(f"`{code}` is not a code or is taken")
    PAGES[code] = Page(code, title, what, why, mend)


# 0xx: the YAML itself
_page(
    "BR001",
    "not YAML",
    "The file cannot be read as YAML from the marked place on.",
    "Nothing after that place can be trusted, so nothing of the file is used.",
    "Usual causes: a tab, a colon or `{{` in a value without quotes, a quote that is not closed, crooked indentation.",
)
_page(
    "BR002",
    "a key is given twice",
    "One mapping has the same key two times.",
    "Most YAML readers silently keep the last one, and the first setting is lost without a word.",
    "Keep one of them, or make it a list or a second rule.",
)
_page(
    "BR003",
    "an alias, anchor, merge key or tag",
    "The file uses `*name`, `&name`, `<<:` or `!tag`.",
    "They let a small file grow without bound or create program objects, and `*` and `!` are mostly accidents.",
    'Write the value out. If the text really starts with such a character, put it in quotes: `on: "*"`.',
)
_page(
    "BR004",
    "too large or too deep",
    "The file has more than 1 MiB, or more than 64 levels of nesting.",
    "Such a file is nearly always the wrong one, and reading it could exhaust the process.",
    "Split the rules over several files under `rules:`.",
)
_page(
    "BR005",
    "not readable text",
    "The file is not UTF-8, or holds a NUL or another control character.",
    "Guessing the encoding would quietly change names and templates.",
    "Save the file as UTF-8; write control characters as an escape in double quotes.",
)
_page(
    "BR006",
    "more than one document",
    "A line `---` starts a second YAML document.",
    "Only one document per file is read; the second would be ignored without a word.",
    "Remove the `---`, or move the second part to a file of its own.",
)

# 1xx: the shape of keys, values and templates
_page(
    "BR101",
    "a key is missing",
    "A required key is not there.",
    "There is no default that would be right for everybody.",
    "Add the key where the finding points.",
)
_page(
    "BR102",
    "an unknown key",
    "The key is not one that this place knows.",
    "An ignored key is a setting that somebody believes in; often it is a misspelling.",
    "Take the suggested name, or remove the key.",
)
_page(
    "BR103",
    "given twice",
    "Two settings say the same thing in two ways.",
    "One of them would silently win.",
    "Keep one of the two.",
)
_page(
    "BR104",
    "a value does not fit",
    "The value has the wrong type, or is not among those allowed here.",
    "A guess at what was meant could send wrong data to a customer record.",
    "Write the value as the message says. Text that looks like a number needs quotes, a number must not have them.",
)
_page(
    "BR110",
    "a duration or size without a usable unit",
    "A duration needs ms, s, m, h or d; a size needs B, KB, KiB, MB, MiB, GB or GiB.",
    "`timeout: 10` could mean seconds or milliseconds, and the difference is an outage.",
    "Write the unit right behind a whole number: `10s`, `24h`, `1MiB`.",
)
_page(
    "BR120",
    "a condition cannot be read",
    "The expression of an `if` (or inside `{{ }}`) is not complete or uses an unknown operator.",
    "A condition that cannot be read can neither be true nor false.",
    "Comparison is `==`, and `and`, `or`, `not` are words. Text stands in quotes.",
)
_page(
    "BR121",
    "a template is refused",
    "The template uses something outside the allowed part of Jinja.",
    "Loops, macros, assignments and attributes of program objects could hang the bridge or leak data.",
    "Use names, filters, tests, comparisons and `x if y else z`; everything else belongs in the CRM or the sender.",
)
_page(
    "BR122",
    "an unknown name in a template",
    "The name is none of those in scope at this place; names of headers are in small letters.",
    "It would always be missing, and every delivery would die.",
    "Take the suggested name; add `| default(...)` only for keys of an event that may be absent.",
)
_page(
    "BR123",
    "an unknown filter or test",
    "There is no filter (after `|`) or test (after `is`) of this name, or it does not take these arguments.",
    "Only a closed list is available, so that rendering is safe and always gives the same bytes.",
    "Take the suggested name, or look at the list in the documentation of templates.",
)

# 2xx: names that point from one place to another
_page(
    "BR201",
    "an unknown destination",
    "A step uses a destination that `destinations:` does not define.",
    "There would be no account to deliver to.",
    "Define the destination or correct the name before the first dot of `use`.",
)
_page(
    "BR202",
    "an unknown operation",
    "The destination's connector has no operation of this name.",
    "The step has no request to send.",
    "The message lists what there is; the connector's file explains each.",
)
_page(
    "BR203",
    "an unknown or missing parameter",
    "`with` names a parameter that the operation does not have, or lacks one that it needs.",
    "The CRM would refuse the request, or ignore the data.",
    "The message lists the parameters; the connector's file explains each.",
)
_page(
    "BR204",
    "an unknown source",
    "`on` names a source that `sources:` does not define.",
    "The rule could never start.",
    "Define the source or correct the text before the first `/`.",
)
_page(
    "BR205",
    "an unknown step, or a step used before it ran",
    "An expression reads `steps.NAME`, but no step before this one has that id.",
    "Steps run from top to bottom; a later one has no result yet.",
    "Correct the id, or move the step.",
)
_page(
    "BR206",
    "a link remembered from two destinations",
    "Two rules remember a link of the same name from different destinations.",
    "Link names are global: an id of one CRM would be used in the other.",
    "Give the links different names, such as `hubspot_contact` and `zendesk_user`.",
)
_page(
    "BR207",
    "a name is used twice",
    "Two rules (or steps of one rule, or tests) have the same name.",
    "Status, links and replay find things by their name.",
    "Rename one of them.",
)
_page(
    "BR208",
    "a file is not found or cannot be read",
    "A path names no file, a pattern matches none, or the file cannot be opened.",
    "Leaving it out silently would switch rules off.",
    "Correct the path; relative paths start at the folder of the configuration file.",
)
_page(
    "BR209",
    "an unknown name",
    "A name points to something that is not defined.",
    "There is nothing to take its place.",
    "Take the suggested name, or define it.",
)
_page(
    "BR210",
    "an unknown connector",
    "A destination names a connector that is neither built in nor in `config/connectors/`.",
    "Nothing says how to talk to this API.",
    "The message lists the connectors; use `http` for an API that has none.",
)
_page(
    "BR211",
    "an unknown preset",
    "A source names a preset that is neither built in nor in `config/sources/`.",
    "Nothing says how this sender signs and shapes its events.",
    "`crm-bridge sources` lists the presets; without one, spell out `verify` and `event`.",
)

# 3xx: secrets and environment
_page(
    "BR301",
    "a variable is not set",
    "`${NAME}` or `${file:PATH}` finds nothing, or only empty text.",
    "An empty secret would accept forged events or be refused by the CRM.",
    "Set the variable, pass `--env-file FILE`, or allow a default: `${NAME:-text}`, `${NAME:-}` for empty.",
)
_page(
    "BR302",
    "a credential is written in a file",
    "A secret stands in the configuration itself.",
    "Configuration files are copied, committed and pasted into tickets.",
    "Move it to the environment and write `${NAME}`; treat the old one as leaked.",
)
_page(
    "BR303",
    "everybody on this machine can read a secret",
    "The file mode of a file that holds secrets lets other users read it.",
    "Any account or process on the machine could sign events or use the CRM.",
    "Run `chmod 600 FILE`.",
)
_page(
    "BR304",
    "a secret that is a placeholder, too short, or copied with a blank",
    "The secret is an example value, has less than 16 characters, or begins or ends with a blank or line break.",
    "It can be guessed, and with it anybody can send events; with a blank it is another than the sender's.",
    "Take the secret that the sender shows, without blanks around it, or make one: `openssl rand -hex 32`.",
)
_page(
    "BR305",
    "a `${...}` that cannot be read",
    "Only `${NAME}`, `${NAME:-default}` and `${file:PATH}` are understood.",
    "Leaving it as it is would send the text `${...}` to the CRM.",
    "Write a literal `${` as `$${`; for data of the event use `{{ ... }}`.",
)
_page(
    "BR306",
    "a public key that cannot be used",
    "It cannot be read, is of another kind than the source's `verify` needs, is a private key, or is weak.",
    "With a wrong key nothing that the sender sends is believed; with a weak one anybody could sign.",
    "Copy the public key whole from the sender's settings, and say in `key` how it is written.",
)
_page(
    "BR307",
    "a source without authentication that others can reach",
    "`verify: {type: none}` stands at a source, and `server.listen` is not an address of this machine alone.",
    "Whoever finds the address could write into the CRM.",
    "Describe what the sender shows under `verify`, a `token` at least, or listen on `127.0.0.1`.",
)

# 4xx: right, but probably not meant
_page(
    "BR401",
    "a source without authentication",
    "`verify: {type: none}` accepts events from anybody who can reach the address.",
    "Whoever finds the URL can write into the CRM.",
    "Set the sender's signing secret; keep `none` for trials on this machine.",
)
_page(
    "BR402",
    "a rule that never matches",
    "No event of the named source can have a type that `on` accepts.",
    "The rule looks active but will never run.",
    "Compare `on` with the types that the message lists.",
)
_page(
    "BR403",
    "a link is recalled but never remembered",
    "`recall` asks for a link that no rule remembers.",
    "It will always be empty.",
    "Add `remember` to the step that creates the record, or correct the name.",
)
_page(
    "BR404",
    "a way to authenticate that has a better successor",
    "The credentials work today, but the vendor discourages this kind or will switch it off.",
    "Deliveries would stop on the day it ends.",
    "Create the credentials that the message names, and put them in the destination.",
)
_page(
    "BR405",
    "an event is forgotten before its sender stops repeating it",
    "The source remembers an event's id for less time than the sender may send the same event again.",
    "A late repeat would be a new event, and delivered twice.",
    "Leave `dedupe` out, which is long enough for every shipped sender, or make it as long as the message says.",
)
_page(
    "BR410",
    "a rule that can never match",
    "No event can make the rule's `if` true: it is constant, asks for two things at once, or for what `on` excludes.",
    "The rule looks active but will never run.",
    "Correct the `if`; a rule that is out of use says `enabled: false`.",
)
_page(
    "BR411",
    "a step that never runs",
    "The step's `if` cannot be true where it stands, or its `for_each` is always empty.",
    "The call looks active but is never made.",
    "Correct the `if`, or remove the step. `steps.NAME.error` is null unless that step has `catch`.",
)
_page(
    "BR412",
    "two rules do the same",
    "For every event of one rule, another rule makes the same call with the same parameters.",
    "Every rule that matches runs, none hides another by its order: the record is written twice.",
    "Remove one of the two, or let `on` and `if` tell their events apart.",
)
_page(
    "BR413",
    "a rule needs more calls than a limit lets through",
    "One delivery alone makes more calls than a limit of the destination admits in its window.",
    "Every delivery waits for the next window in its midst, and holds its lane meanwhile.",
    "Make fewer calls for one event, or set the limit that your account has, under `limits` of the destination.",
)
_page(
    "BR414",
    "a template without its braces",
    "A text reads like a look-up such as `fields.customer`, but does not stand between `{{` and `}}`.",
    "It is sent as it is written; as a `key` it puts all customers into one lane.",
    'Write `"{{ fields.customer }}"`. Only `if` and `for_each` need no braces.',
)
_page(
    "BR415",
    "files that cannot be fetched",
    "A step passes on files (`zendesk.uploads.create`), and `fetch` of its destination names no host.",
    "An address in an event is a stranger's, so only named hosts are asked: the delivery would be dead.",
    "Name the hosts of the files: `fetch: {hosts: [media.example.com]}` at the destination, or take the step out.",
)
_page(
    "BR420",
    "a path that no stored event has",
    "A template looks something up that was in none of the stored events that the rule is for.",
    "The deliveries of such events are dead, or always get the default; mostly the path is misspelled.",
    "Take the path that the message names; add `| default(...)` for keys of an event that may be absent.",
)
_page(
    "BR421",
    "a rule that matched no stored event",
    "Events are stored, and the rule would run for none of them.",
    "The rule may be for something rare, or it may never run.",
    "Compare its `on` and `if` with an event: `crm-bridge explain evt_...` shows the clause that says no.",
)

# 45x: what the account itself says (`check --live`); errors, but for BR456 and BR457
_page(
    "BR450",
    "the credentials are not taken",
    "The account answers 401, or its token endpoint gives no token.",
    "Every delivery would stop, and the destination would be paused.",
    "Compare the token or the OAuth client with the account: it may be revoked, expired, or of another account.",
)
_page(
    "BR451",
    "a scope is missing",
    "The credentials were not granted what an operation of the rules needs.",
    "The API would answer 403, and the destination would be paused.",
    "Grant the scope to the app, key or client in the account; a token from before may have to be made anew.",
)
_page(
    "BR452",
    "the account does not have it",
    "A rule names a property, pipeline, stage, field, form, group, brand or agent that is not in the account.",
    "The API would refuse the record, or leave the value out without a word.",
    "Correct the name; ids count, not the words that people see. What is really missing: create it (`--fix` may).",
)
_page(
    "BR453",
    "a value of the wrong type",
    "A rule always writes the same text into a field that takes numbers, times or true and false.",
    "The API would refuse the record each time.",
    "Write a value of that type, or use another field.",
)
_page(
    "BR454",
    "an option that does not exist",
    "A rule always chooses an option that the field does not have.",
    "The API would refuse the record each time.",
    "Take one of the options that the message lists: the internal value, not the label.",
)
_page(
    "BR455",
    "a key that is not unique",
    "Records are to be found by a property whose values may belong to several of them.",
    "The API refuses such a look-up, so every upsert would fail.",
    "HubSpot cannot switch it on later: create another property as unique (`--fix` may) and name that one.",
)
_page(
    "BR456",
    "it is there, but not for rules to use",
    "The property is read-only, or what the rule names is archived or switched off in the account.",
    "The API may refuse the value, or nobody will see it. Some may be set once, at the creation.",
    "Name another one, or switch it on again in the account.",
)
_page(
    "BR457",
    "the account does not tell",
    "A question was refused, for instance because the credentials may not read it or the plan does not have it.",
    "What rules say about it could not be checked; it may be right all the same.",
    "If it matters, let the credentials read it, and check again.",
)
_page(
    "BR459",
    "the account could not be asked",
    "There was no answer, or one that no such API gives: a failure, a redirect, a web page.",
    "Nothing was proved about this destination; the exit status is 3.",
    "Look at `base_url`, the network, a proxy, the vendor's status page; then check again.",
)

# 5xx ingress, 6xx deliveries, 7xx start
for _running in RUNNING:
    _page(_running.code, _running.title, _running.what, _running.why, _running.mend)
