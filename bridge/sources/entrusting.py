"""What the operator alone can give a scheme: secrets, public keys, the public address, and texts that are signed."""

from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from bridge.diagnostics import quoted_list, suggest
from bridge.sources.problems import Position, SourceProblem
from bridge.sources.proofs.signed import Signed
from bridge.sources.schema import SourceConfig
from bridge.sources.scheme import (
    AnyOf,
    AnyScheme,
    Block,
    EveryOf,
    NoVerification,
    alternatives,
    credentials,
    signed_url,
)


def entrust(
    scheme: AnyScheme, name: str, config: SourceConfig, *, learns: bool = False
) -> tuple[AnyScheme | None, list[SourceProblem]]:
    """The scheme with the short forms of a source laid in: `secret`, `public_key`, `public_url`, `config`.

    Args:
        scheme: the source's own, or its preset's.
        name: the source's name.
        config: its YAML.
        learns: whether the sender brings its secret, so that none need be given.

    Returns:
        The complete scheme, None with problems.
    """
    blocks = alternatives(scheme)
    problems = [*_superfluous(scheme, config), *_address_problems(blocks, name, config), *_texts(blocks, config)]
    if problems or isinstance(scheme, NoVerification):
        return (None if problems else scheme), problems
    try:
        complete = tuple(_completed(block, config) for block in blocks)
    except ValidationError as error:  # a secret or key that does not decode the way the scheme says
        short = "secret" if config.secret else "public_key"
        return None, [
            SourceProblem(
                each.get("ctx", {}).get("code", "BR304"), (short,), each["msg"], each.get("ctx", {}).get("help")
            )
            for each in error.errors(include_input=False, include_url=False)
        ]
    problems = list(_missing(complete, name, config, learns=learns))
    if problems:
        return None, problems
    match scheme:
        case AnyOf():
            return AnyOf(any_of=complete), []
        case EveryOf():
            return EveryOf(every_of=complete), []
        case _:
            return complete[0], []


def _superfluous(scheme: AnyScheme, config: SourceConfig) -> Iterator[SourceProblem]:
    """What is given, and nothing is there that takes it."""
    blocks = alternatives(scheme)
    for short, long, given in (
        ("secret", "secrets", bool(config.secret)),
        ("public_key", "public_keys", bool(config.public_key)),
    ):
        takers = [block for block in blocks if block.rests_on == long]
        noun = short.replace("_", " ")
        if given and not takers:
            checks = "checks nothing" if isinstance(scheme, NoVerification) else f"rests on no {noun}"
            shown = "`verify: {type: none}`" if isinstance(scheme, NoVerification) else "this source's `verify`"
            yield SourceProblem("BR104", (short,), f"a {noun} is given, but {shown} {checks}", f"leave `{short}` out")
        elif given and all(credentials(block) for block in takers):
            yield SourceProblem("BR103", (short,), f"`{short}` is short for `verify.{long}`; give only one of them")


def _address_problems(blocks: Sequence[Block], name: str, config: SourceConfig) -> Iterator[SourceProblem]:
    urls = [url for url in map(signed_url, blocks) if url is not None]
    given = config.public_url
    if given is not None and not urls:
        text = "a public address is given, but this source's signature does not cover it"
        yield SourceProblem("BR104", ("public_url",), text, "leave `public_url` out")
    elif given is not None and all(url.public for url in urls):
        text = "`public_url` is short for `verify.url.public`; give only one of them"
        yield SourceProblem("BR103", ("public_url",), text, "leave `public_url` out")
    elif given is None and not all(url.public for url in urls):
        yield SourceProblem(
            "BR101",
            _place(config, ("public_url",), ("url", "public")),
            f"the source `{name}` does not know its public address, which is part of the signature",
            f"add `public_url: https://bridge.example.com/hooks/{name}`, exactly as entered at the sender",
        )


def _texts(blocks: Sequence[Block], config: SourceConfig) -> Iterator[SourceProblem]:
    """Names of `config` that are signed and not given, or given and not signed."""
    signed = [block for block in blocks if isinstance(block, Signed)]
    wanted = {each for block in signed for each in block.config_names}
    for each in config.config:
        if each not in wanted:
            near = suggest(each, wanted)
            known = f"it reads {quoted_list(sorted(wanted))}" if wanted else "leave it out"
            help_ = f"did you mean `{near}`?" if near else known
            yield SourceProblem("BR104", ("config", each), f"no signed text of this source reads `{each}`", help_)
    for block in signed:
        for each in block.config_names:
            if each not in config.config and each not in block.config:
                text = f"`config.{each}` is part of what is signed, and nothing says it"
                mend = f"add `config: {{{each}: …}}` with the value from the sender's settings"
                yield SourceProblem("BR101", _place(config, ("config",), ("config",)), text, mend)


def _completed(block: Block, config: SourceConfig) -> Block:
    """One alternative with all that the source gives, validated anew so that each secret is known to decode."""
    changes: dict[str, object] = {}
    if not credentials(block):
        given = {"secrets": config.secret, "public_keys": config.public_key}.get(block.rests_on)
        changes |= {block.rests_on: given} if given else {}
    url = signed_url(block)
    if url is not None and url.public is None and config.public_url is not None:
        changes["url"] = url.model_copy(update={"public": config.public_url})
    if isinstance(block, Signed):
        shared = {name: config.config[name] for name in block.config_names if name in config.config}
        changes |= {"config": {**shared, **block.config}} if shared else {}
    if not changes:
        return block
    return type(block).model_validate({**block.model_dump(by_alias=True), **changes})


def _missing(blocks: Sequence[Block], name: str, config: SourceConfig, *, learns: bool) -> Iterator[SourceProblem]:
    """The alternatives' secrets or public keys that nobody has given, each kind once."""
    lacking = {block.rests_on for block in blocks if not credentials(block)}
    variable = name.upper().replace("-", "_").replace(".", "_")
    if "secrets" in lacking and not learns:
        yield SourceProblem(
            "BR101",
            _place(config, ("secret",), ("secrets",)),
            f"the source `{name}` has no secret, so anybody could send it events",
            f"add `secret: ${{{variable}_WEBHOOK_SECRET}}` and set that variable to the secret from the sender's "
            "webhook settings",
        )
    if "public_keys" in lacking:
        yield SourceProblem(
            "BR101",
            _place(config, ("public_key",), ("public_keys",)),
            f"the source `{name}` has no public key of its sender, so nothing can be verified",
            "add `public_key:` with the key that the sender's webhook settings show",
        )


def _place(config: SourceConfig, short: Position, long: Position) -> Position:
    """Where something is missing: in the source's own `verify` if it has one."""
    return short if config.verify is None else ("verify", *long)
