"""What is in use right now: the configuration and the outlets. A reload swaps it in one step."""

from dataclasses import dataclass

from bridge.configuration.model import Configuration
from bridge.engine.captures import Captures
from bridge.engine.visits import Visitors
from bridge.outbound.outlet import Outlets
from bridge.store.secrets import Learned


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reload that changed nothing: when, who asked for it, and what is wrong."""

    at_ms: int
    trigger: str
    findings: tuple[str, ...]


class Present:
    """The current configuration; everything that reads it reads it here, once for each piece of work."""

    def __init__(self, configuration: Configuration, outlets: Outlets) -> None:
        self.configuration = configuration
        self.outlets = outlets
        self.loaded_at_ms: int | None = None
        """Since when it is in use; None when nothing runs."""
        self.watched = False
        """Whether changes of its files are noticed."""
        self.refused: Refusal | None = None
        """The last reload, if it was refused."""
        self.visitors = Visitors()
        """What came to each source since the start; only a daemon's door fills it."""
        self.captures = Captures()
        """Of which sources raw requests are written down."""
        self.learned = dict[str, Learned]()
        """By source, the secrets that senders brought; a copy of what the store holds."""
        outlets.configure(configuration.destinations)
